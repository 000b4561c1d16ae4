package interop

import (
	"bufio"
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// openTelemetry makes a span of every operation of an engine.
func openTelemetry(tracer oteltrace.Tracer) refgrow.Observer {
	return func(ctx context.Context, operation string) (context.Context, func(error)) {
		ctx, span := tracer.Start(ctx, "refgrow: "+operation,
			oteltrace.WithAttributes(attribute.String("db.system.name", "sqlite")))
		return ctx, func(err error) {
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}
	}
}

// An app's traces show what the engine does in them.
func TestOpenTelemetry(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	tracer := provider.Tracer("shop")
	engine := openEngine(t, filepath.Join(t.TempDir(), "refgrow.db"), refgrow.Config{Observe: openTelemetry(tracer)})
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	spans.Reset()
	ctx, checkout := tracer.Start(t.Context(), "checkout")
	if err := shop.Atomic(ctx, func(shop *refgrow.Project) error {
		_, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD"),
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := shop.GetConversion(ctx, 99); err == nil {
		t.Error("there is a conversion 99")
	}
	checkout.End()
	var got []string
	for _, span := range spans.GetSpans() {
		if span.SpanContext.TraceID() != checkout.SpanContext().TraceID() {
			t.Errorf("%s is of another trace", span.Name)
		}
		got = append(got, span.Name+" "+span.Status.Code.String())
	}
	want := []string{
		"refgrow: recording a conversion Unset", "refgrow: running a transaction Unset",
		"refgrow: finding a conversion Error", "checkout Unset",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the spans are %q", got)
	}
}

// Prometheus can read what the command measures.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	command := exec.CommandContext(ctx, build(t), "serve", "--db", filepath.Join(t.TempDir(), "refgrow.db"),
		"--addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		_ = command.Wait() // it was killed
	}()
	var url string
	for lines := bufio.NewScanner(stderr); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "measuring on ")
	}
	for range 2 { // the second one has measured nothing new, and is the same kinds
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(answer.Body)
		answer.Body.Close()
		if err != nil || len(families) < 10 || families["refgrow_commits_total"] == nil {
			t.Errorf("%d families (%v)", len(families), err)
		}
	}
}
