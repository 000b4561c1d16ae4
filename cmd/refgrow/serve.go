package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// The limits of a connection. The largest body is 1 MiB and the longest wait for
// the database 5 seconds.
const (
	headerWithin   = 10 * time.Second
	requestWithin  = 30 * time.Second
	answerWithin   = 60 * time.Second
	idleFor        = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// stopWithin is how long requests that run may take to end once the program
	// was told to stop: longer than any of them may last.
	stopWithin = answerWithin + requestWithin
)

const firstProject = "default"

// serveFlags say how to serve.
type serveFlags struct {
	addr         string
	rateLimit    whole
	lenient      bool
	proxies      proxies
	allowPrivate bool
	keyFile      string
}

func serveCommand() command {
	return command{
		name: "serve", summary: "serve the REST API and referral links over HTTP, and send webhooks",
		text: "Serves the REST API under /api/v1 and a health check at /healthz. A missing database is made; on one\n" +
			"without a project the project \"default\" is made, and its first key printed, once. SIGTERM and SIGINT\n" +
			"let the running requests end, and their clicks be written; a second one does not wait for them.\n\n" +
			"Referral links are /r/CODE: they lead to the --landing-url of the project, or to the page that\n" +
			"?to=URL names on its host or an --allowed-origin. /refgrow.js is the script for static sites, on the\n" +
			"pages of an --allowed-origin alone; it talks to /refgrow/track. Where there are several projects these\n" +
			"are of the one named \"default\", and the others have /r/PROJECT/CODE and /refgrow.js?project=PROJECT.\n" +
			"Clicks older than the --click-days of a project are forgotten, but for their number.\n\n" +
			"The server speaks plain HTTP. Where others than this machine reach it, a proxy that speaks TLS\n" +
			"belongs in front of it, and --trusted-proxy says where that proxy is.\n\n" +
			"It sends the events of webhooks as well, to public addresses only: with --webhook-allow-private who\n" +
			"has a key of the API can have requests sent to the machines of the own network.\n\n" + secretKeyHelp + "\n\n" +
			`JSON, when the server is ready: {"url", "project", "key"}; project and key are null unless they were` +
			"\nmade just now. The log goes to stderr.",
		prepare: func(flags *flag.FlagSet) work {
			s := serveFlags{rateLimit: 100}
			flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0 takes a free one")
			flags.Var(&s.rateLimit, "rate-limit", "`NUMBER` of requests a minute for each key; 0 means no limit")
			flags.BoolVar(&s.lenient, "lenient", false, "leave out unknown fields of bodies instead of refusing them")
			flags.Var(&s.proxies, "trusted-proxy", "`CIDR` of proxies whose X-Forwarded-For and -Proto are believed; may be repeated")
			flags.BoolVar(&s.allowPrivate, "webhook-allow-private", false, "send webhooks to private and loopback addresses, too")
			defineSecretKey(flags, &s.keyFile)
			return s.serve
		},
	}
}

func (s *serveFlags) serve(ctx context.Context, c *call) error {
	collectLess()
	if err := c.useSecretKey(s.keyFile); err != nil {
		return err
	}
	err := c.withEngine(ctx, creating, func(engine *refgrow.Engine) error {
		// First the address: a key must not be made and then never be shown.
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", s.addr)
		if err != nil {
			return fmt.Errorf("cannot listen on %s: %w", s.addr, err)
		}
		defer func() { _ = listener.Close() }() // the server closes it before; again is no matter
		// A signal that comes now has to wait until the key is shown.
		uncancelled := context.WithoutCancel(ctx)
		first, err := firstKey(uncancelled, engine)
		if err != nil {
			return err
		}
		if err := c.announce(uncancelled, engine, "http://"+listener.Addr().String(), first); err != nil {
			return err
		}
		if err := c.warnWithoutSecretKey(uncancelled, engine); err != nil {
			return err
		}
		ticker := time.NewTicker(upkeepEvery)
		defer ticker.Stop()
		stopSending, stopUpkeep := s.sendWebhooks(ctx, c, engine), c.upkeep(ctx, engine, ticker.C)
		err = c.serveOn(ctx, listener, s.handler(engine, c.log))
		stopUpkeep()
		if err := errors.Join(err, stopSending()); err != nil {
			return err
		}
		c.log.Info("stopped")
		return nil
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop while it was starting
	}
	return err
}

// collectLess lets the garbage collector run a quarter as often as it does by
// default, unless the environment says how often (GOGC). What lives in memory is a
// few MiB, so that it would run many times a second to keep as much again free.
func collectLess() {
	const usual, ours = 100, 400
	if before := debug.SetGCPercent(ours); before != usual {
		debug.SetGCPercent(before)
	}
}

// sendWebhooks sends events until ctx ends or stop is called, which waits for the
// requests that are under way.
func (s *serveFlags) sendWebhooks(ctx context.Context, c *call, engine *refgrow.Engine) (stop func() error) {
	worker := webhook.NewWorker(engine, webhook.Options{AllowPrivate: s.allowPrivate, Logger: c.log})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// warnWithoutSecretKey tells who has signed webhooks, and no key, how their secrets
// are kept.
func (c *call) warnWithoutSecretKey(ctx context.Context, engine *refgrow.Engine) error {
	if len(c.secretKey) > 0 {
		return nil
	}
	projects, err := engine.Projects(ctx)
	if err != nil {
		return err
	}
	for _, project := range projects {
		for w, err := range project.AllWebhooks(ctx, refgrow.ListWebhooksParams{Limit: refgrow.MaxLimit}) {
			if err != nil {
				return err
			}
			if w.Signed {
				c.log.Warn(`without --secret-key-file the secrets of webhooks are stored unencrypted; "refgrow help serve" tells more`)
				return nil
			}
		}
	}
	return nil
}

// serveOn serves until ctx ends, and then until the running requests have.
func (c *call) serveOn(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       requestWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeaderBytes,
		// OPTIONS * is answered in JSON like everything else.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
		// The end of the program does not end the requests.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("cannot serve any more: %w", err)
	case <-ctx.Done():
	}
	c.log.Info("stopping: running requests end first, a second signal does not wait for them")
	atMost, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := server.Shutdown(atMost); err != nil {
		return errors.Join(fmt.Errorf("stopped in the middle of requests: %w", err), server.Close())
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A newKey is the first of a database.
type newKey struct{ project, key string }

// firstKey makes the first project and its first key on a database that has no
// project; otherwise it gives nil.
func firstKey(ctx context.Context, engine *refgrow.Engine) (*newKey, error) {
	projects, err := engine.Projects(ctx)
	if err != nil || len(projects) > 0 {
		return nil, err
	}
	project, err := engine.CreateProject(ctx, firstProject, refgrow.Settings{})
	if errors.Is(err, refgrow.ErrConflict) {
		return nil, nil // another process was faster, and shows the key
	}
	if err != nil {
		return nil, err
	}
	token, _, err := engine.CreateKey(ctx, project, refgrow.CreateKeyParams{Name: "first"})
	return &newKey{project.Name(), token}, err
}

// announce prints where the server is, and the first key.
func (c *call) announce(ctx context.Context, engine *refgrow.Engine, url string, first *newKey) error {
	c.log.Info("listening", "url", url, "db", c.db)
	if c.json {
		ready := readyJSON{URL: url}
		if first != nil {
			ready.Project, ready.Key = &first.project, &first.key
		}
		return c.stdout.json(ready)
	}
	if err := c.stdout.printf("listening on %s\n", url); err != nil {
		return err
	}
	if first == nil {
		return c.warnWithoutKey(ctx, engine)
	}
	return c.stdout.printf(`
The database was empty. It has a project %q now, and this is its first key, shown only this once:

%s

Try it:

curl -H "Authorization: Bearer %[2]s" %[3]s/api/v1/affiliates

The project pays nothing yet. To change that:

refgrow project set %[1]s --commission 20%% --db %[4]s

`, first.project, first.key, url, quoted(c.db))
}

// warnWithoutKey tells how to get a key if nobody can have one.
func (c *call) warnWithoutKey(ctx context.Context, engine *refgrow.Engine) error {
	keys, err := engine.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.RevokedAt == nil {
			return nil
		}
	}
	c.log.Warn(`no key opens this server yet; "refgrow key create --project NAME" makes one`)
	return nil
}

type readyJSON struct {
	URL     string  `json:"url"`
	Project *string `json:"project"`
	Key     *string `json:"key"`
}

// quoted is a file's name as a shell takes it.
func quoted(path string) string {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/._-+:\\", c)
	}
	if !strings.ContainsFunc(path, func(c rune) bool { return !plain(c) }) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
