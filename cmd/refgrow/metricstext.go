package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// text writes everything in the text format of Prometheus, version 0.0.4.
func (m *metrics) text(stats refgrow.Stats, waiting int64) []byte {
	var b exposition
	b.family("refgrow_build_info", "gauge", "The version of this program.")
	b.sample("refgrow_build_info", float64(1), "version", buildOf().Version)
	m.mu.Lock()
	defer m.mu.Unlock()
	b.family("refgrow_http_requests_total", "counter", "Requests that were answered. 429 are beyond a limit.")
	for _, kind := range sorted(m.requests, requestKind.labels) {
		b.sample("refgrow_http_requests_total", float64(m.requests[kind]), kind.pairs()...)
	}
	b.family("refgrow_http_request_duration_seconds", "histogram", "From the head of a request to the end of its answer.")
	for _, at := range sorted(m.took, servedRoute.labels) {
		b.histogram("refgrow_http_request_duration_seconds", m.took[at], at.pairs()...)
	}
	for _, c := range []struct {
		name, kind, help string
		value            float64
	}{
		{"refgrow_operations_total", "counter", "Changes that were committed.", float64(stats.Operations)},
		{"refgrow_commits_total", "counter", "Transactions they were committed in.", float64(stats.Commits)},
		{"refgrow_writer_wait_seconds_total", "counter", "How long changes waited until they could begin to write.",
			stats.Waited.Seconds()},
		{"refgrow_clicks_waiting", "gauge", "Clicks in the queue.", float64(stats.ClicksWaiting)},
		{"refgrow_webhook_deliveries_waiting", "gauge", "Deliveries that wait; 100000 stands for more.", float64(waiting)},
		{"refgrow_database_bytes", "gauge", "The length of the database file.", float64(stats.DatabaseSize)},
		{"refgrow_database_log_bytes", "gauge", "The length of its write-ahead log.", float64(stats.LogSize)},
	} {
		b.family(c.name, c.kind, c.help)
		b.sample(c.name, c.value)
	}
	b.family("refgrow_clicks_total", "counter", "Clicks by what became of them.")
	b.sample("refgrow_clicks_total", float64(stats.ClicksCounted), "outcome", "counted")
	b.sample("refgrow_clicks_total", float64(stats.ClicksIgnored), "outcome", "ignored")
	b.sample("refgrow_clicks_total", float64(stats.ClicksDropped), "outcome", "dropped")
	b.family("refgrow_webhook_attempts_total", "counter", "Tries to deliver events by what became of them.")
	b.sample("refgrow_webhook_attempts_total", float64(stats.AttemptsSucceeded), "outcome", "succeeded")
	b.sample("refgrow_webhook_attempts_total", float64(stats.AttemptsRetried), "outcome", "retry")
	b.sample("refgrow_webhook_attempts_total", float64(stats.AttemptsFailed), "outcome", "failed")
	if v := m.verified; !v.at.IsZero() {
		b.family("refgrow_verify_timestamp_seconds", "gauge", "When the books were checked last.")
		b.sample("refgrow_verify_timestamp_seconds", float64(v.at.UnixMilli())/1000)
		b.family("refgrow_verify_duration_seconds", "gauge", "How long that took.")
		b.sample("refgrow_verify_duration_seconds", v.took.Seconds())
		b.family("refgrow_verify_differences", "gauge", "How many differences it found; 0 is right, -1 says that it failed.")
		found := float64(v.differences)
		if v.failed {
			found = -1
		}
		b.sample("refgrow_verify_differences", found)
	}
	return b.Bytes()
}

func (r servedRoute) labels() string { return r.route + " " + r.method }

func (r servedRoute) pairs() []string { return []string{"method", r.method, "route", r.route} }

func (k requestKind) labels() string { return k.servedRoute.labels() + " " + strconv.Itoa(k.status) }

func (k requestKind) pairs() []string {
	return append(k.servedRoute.pairs(), "status", strconv.Itoa(k.status))
}

// sorted are the keys of a map, so that the text is the same for the same counts.
func sorted[K comparable, V any](of map[K]V, by func(K) string) []K {
	keys := make([]K, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b K) int { return strings.Compare(by(a), by(b)) })
	return keys
}

// An exposition is text in the format of Prometheus.
type exposition struct{ bytes.Buffer }

func (b *exposition) family(name, kind, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes a value with labels, names and values in turn.
func (b *exposition) sample(name string, value float64, labels ...string) {
	b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		b.WriteByte(before)
		fmt.Fprintf(b, `%s="%s"`, labels[i], escapeLabel(labels[i+1]))
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	fmt.Fprintf(b, " %s\n", strconv.FormatFloat(value, 'g', -1, 64))
}

func (b *exposition) histogram(name string, h *histogram, labels ...string) {
	count := int64(0)
	for i, n := range h.counts {
		count += n
		le := "+Inf"
		if i < len(bounds()) {
			le = strconv.FormatFloat(bounds()[i], 'g', -1, 64)
		}
		b.sample(name+"_bucket", float64(count), slices.Concat(labels, []string{"le", le})...)
	}
	b.sample(name+"_sum", h.sum.Seconds(), labels...)
	b.sample(name+"_count", float64(count), labels...)
}

func escapeLabel(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value)
}
