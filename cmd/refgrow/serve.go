package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// The limits of a connection. The largest body is 1 MiB and the longest wait for
// the database 5 seconds.
const (
	headerWithin  = 10 * time.Second
	requestWithin = 30 * time.Second
	answerWithin  = 60 * time.Second
	idleFor       = 2 * time.Minute
	// callWithin is how long a call of the API may take: it ends soon enough for its
	// answer to be written.
	callWithin     = answerWithin - 10*time.Second
	maxHeaderBytes = 64 << 10
	// stopWithin is how long the server may take to end once it has been told to stop:
	// less than the ten seconds after which container engines kill.
	stopWithin = 8 * time.Second
)

const (
	firstProject = "default"
	defaultAddr  = "127.0.0.1:8080"
)

// serveFlags say how to serve.
type serveFlags struct {
	addr         string
	rateLimit    whole
	lenient      bool
	proxies      proxies
	allowPrivate bool
	keyFile      string
	tracking     string // the project of the bare paths, by id or name; "" for the first
	stopWithin   time.Duration
	logFormat    string
	noDocs       bool
	metricsAddr  string        // "" for nowhere
	verifyEvery  time.Duration // 0 for never
	metrics      *metrics      // nil where nobody measures
}

func serveCommand() command {
	return command{
		name: serveName, summary: "serve the REST API and referral links over HTTP, and send webhooks",
		example: "refgrow serve --db /var/lib/refgrow/refgrow.db --trusted-proxy 127.0.0.1",
		text: "Serves the REST API under /api/v1, a page about it at /docs, a health check at /healthz, and at\n" +
			"/readyz whether the database can be written, with notes for its operator. A missing database is\n" +
			"made; on one without a project the project \"default\" is made, and its first key printed, once. At\n" +
			"SIGTERM and SIGINT the clicks so far are written, and running requests may end, within\n" +
			"--stop-within; a second signal does not wait for them. Clicks that cannot be written in that time\n" +
			"are lost, and the log says how many.\n\n" +
			"Referral links are /r/CODE: they lead to the --landing-url of the project, or to the page that\n" +
			"?to=URL names on its host or an --allowed-origin. /refgrow.js is the script for static sites, only\n" +
			"on pages of an --allowed-origin; it talks to /refgrow/track. If there are several projects, these\n" +
			"belong to the first one, or to --tracking-project, whatever it is called later. The others have\n" +
			"/r/PROJECT/CODE and /refgrow.js?project=PROJECT. Clicks older than the --click-days of a project\n" +
			"are forgotten, except for their number.\n\n" +
			"The server speaks plain HTTP. To reach it from other machines, put a TLS reverse proxy in front,\n" +
			"and name it with --trusted-proxy: otherwise all visitors share its address, and count as one.\n\n" +
			"It also sends the events of webhooks, only to public addresses: with --webhook-allow-private\n" +
			"anyone who has an API key can have requests sent to machines on your own network.\n\n" +
			secretKeyHelp + "\n\n" +
			"With --metrics-addr GET /metrics tells, on an address of its own, what the server does: requests by\n" +
			"route and status, how long they take, commits, the queue of clicks, deliveries, sizes, and what the\n" +
			"last check of --verify-every has found.\n\n" +
			`JSON, when the server is ready: {"url", "project", "key"}; project and key are null unless they were` +
			"\nmade just now. The log goes to stderr: a line for each request, with the pattern of its path and the\n" +
			"public part of its key, and a warning for each key that opens nothing.",
		prepare: func(flags *flag.FlagSet) work {
			s := serveFlags{rateLimit: 100}
			flags.StringVar(&s.addr, "addr", defaultAddr, "`HOST:PORT` to listen on; port 0 takes a free one")
			flags.Var(&s.rateLimit, "rate-limit", "`NUMBER` of requests a minute for each key; 0 means no limit")
			flags.BoolVar(&s.lenient, "lenient", false,
				"ignore unknown fields and parameters, and say which, instead of refusing them")
			flags.Var(&s.proxies, "trusted-proxy",
				"`CIDR` of proxies whose X-Forwarded-For and -Proto are believed; may be repeated")
			flags.BoolVar(&s.allowPrivate, "webhook-allow-private", false,
				"send webhooks to private and loopback addresses too")
			flags.StringVar(&s.tracking, "tracking-project", "",
				"`PROJECT` (an id or a name) of /r/CODE and /refgrow.js; default: the first")
			flags.DurationVar(&s.stopWithin, "stop-within", stopWithin, "`TIME` to end within at a signal, such as 8s")
			flags.BoolVar(&s.noDocs, "no-docs", false, "do not serve the page about the API at /docs")
			flags.StringVar(&s.logFormat, "log-format", "text", "`FORMAT` of the log: text or json")
			flags.StringVar(&s.metricsAddr, "metrics-addr", "",
				"`HOST:PORT` to answer GET /metrics on, for Prometheus; default: nowhere")
			flags.DurationVar(&s.verifyEvery, "verify-every", 0,
				"`TIME` between two checks of the books, such as 24h; default: none")
			defineSecretKey(flags, &s.keyFile)
			return s.serve
		},
	}
}

func (s *serveFlags) serve(ctx context.Context, c *call) error {
	collectLess()
	switch {
	case s.stopWithin <= 0:
		return usage("--stop-within must be above 0, such as 8s")
	case s.verifyEvery < 0:
		return usage("--verify-every must not be below 0")
	case s.logFormat == "json":
		c.log = slog.New(slog.NewJSONHandler(c.stderr, nil))
	case s.logFormat != "text":
		return usage("--log-format must be text or json, not %q", s.logFormat)
	}
	// What is written in the end needs its part of the time, and so does closing the file.
	requests := s.stopWithin - min(s.stopWithin/4, 2*time.Second)
	c.closeWithin = (s.stopWithin - requests) * 3 / 4
	if err := c.useSecretKey(s.keyFile); err != nil {
		return err
	}
	err := c.withEngine(ctx, creating, func(engine *refgrow.Engine) error {
		var bare int64
		if s.tracking != "" {
			var err error
			if bare, err = trackingProject(ctx, engine, s.tracking); err != nil {
				return err
			}
		}
		// First the address: a key must not be made and then never be shown.
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", s.addr)
		if err != nil {
			return fmt.Errorf("cannot listen on %s: %w; --addr HOST:PORT takes another address", s.addr, err)
		}
		defer func() { _ = listener.Close() }() // the server has already closed it; a second time does no harm
		stopMeasuring, err := s.measure(ctx, c, engine)
		if err != nil {
			return err
		}
		defer stopMeasuring()
		// A signal that comes now has to wait until the key has been shown.
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
		c.warnOfOthers(listener.Addr())
		stopSending, stopRunning := s.sendWebhooks(ctx, c, engine, requests), background(ctx, engine)
		stopVerifying := s.verify(ctx, c, engine)
		err = c.serveOn(ctx, listener, s.handler(engine, bare, c.log), requests, engine.FlushClicks)
		stopVerifying()
		stopRunning()
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
// default, unless the environment says how often (GOGC). What lives in memory is a few
// MiB, so that it would run many times a second to keep that much again free.
func collectLess() {
	const usual, ours = 100, 400
	if before := debug.SetGCPercent(ours); before != usual {
		debug.SetGCPercent(before)
	}
}

// sendWebhooks sends events until ctx ends or stop is called, which waits for the
// requests that are under way, at most for the time given.
func (s *serveFlags) sendWebhooks(
	ctx context.Context, c *call, engine *refgrow.Engine, within time.Duration,
) (stop func() error) {
	worker := webhook.NewWorker(engine,
		webhook.Options{AllowPrivate: s.allowPrivate, StopWithin: within, Logger: c.log})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// warnWithoutSecretKey tells those who have signed webhooks but no key how their
// secrets are kept, and what is not sent.
func (c *call) warnWithoutSecretKey(ctx context.Context, engine *refgrow.Engine) error {
	if len(c.secretKey) > 0 {
		return nil
	}
	projects, err := engine.Projects(ctx)
	if err != nil {
		return err
	}
	plain, encrypted := false, 0
	for _, project := range projects {
		for w, err := range project.Webhooks().All(ctx, refgrow.ListWebhooksParams{Limit: refgrow.MaxLimit}) {
			switch {
			case err != nil:
				return err
			case w.Encrypted:
				encrypted++
			case w.Signed:
				plain = true
			}
		}
	}
	if plain {
		c.log.Warn(`without --secret-key-file the secrets of webhooks are stored unencrypted; ` +
			`"refgrow help serve" says more`)
	}
	if encrypted > 0 {
		c.log.Warn("nothing is sent to webhooks whose secrets are encrypted: give their --secret-key-file", "webhooks",
			encrypted)
	}
	return nil
}

// warnOfOthers tells what others can read: keys on their way, and the database.
func (c *call) warnOfOthers(address net.Addr) {
	if tcp, ok := address.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		c.log.Warn("other machines can reach this server, which speaks plain HTTP: " +
			"put a proxy that speaks TLS in front of it")
	}
	if info, err := os.Stat(c.db); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0 {
		c.log.Warn("not only its owner can read the database; chmod 600 changes that", "db", c.db)
	}
}

// serveOn serves until ctx ends. Then no request is taken any more, the clicks so far are
// written, and running requests may end within the time given.
func (c *call) serveOn(
	ctx context.Context, listener net.Listener, handler http.Handler, within time.Duration,
	flush func(context.Context) error,
) error {
	// Stopping the server does not end the requests at once.
	requests, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	var running sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       requestWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeaderBytes,
		// OPTIONS * is answered in JSON like everything else.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
		BaseContext:                  func(net.Listener) context.Context { return requests },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("cannot go on serving: %w", err)
	case <-ctx.Done():
	}
	c.log.Info("stopping: running requests end first, a second signal does not wait for them")
	atMost, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	flushed := make(chan error, 1)
	go func() { flushed <- flush(atMost) }()
	if err := server.Shutdown(atMost); err != nil {
		c.log.Warn("stopped in the middle of requests: they took too long")
		breakOff()
		_ = server.Close() // which says again what Shutdown has said
		running.Wait()
	}
	if err := <-flushed; err != nil {
		c.log.Warn("the clicks so far are not yet written", "error", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A newKey is the first of a database.
type newKey struct{ project, key string }

// firstKey makes the first project and its first key in a database that has no project;
// otherwise it returns nil.
func firstKey(ctx context.Context, engine *refgrow.Engine) (*newKey, error) {
	projects, err := engine.Projects(ctx)
	if err != nil || len(projects) > 0 {
		return nil, err
	}
	project, err := engine.CreateProject(ctx, firstProject, refgrow.Settings{})
	if errors.Is(err, refgrow.ErrExists) {
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
The database was empty. It now has a project %q, and this is its first key, shown only this once:

%s

Try it:

curl -H "Authorization: Bearer %[2]s" %[3]s/api/v1/affiliates

The project pays nothing yet. To change that:

refgrow project set %[1]s --commission 20%% --db %[4]s

`, first.project, first.key, url, quoted(c.db))
}

// warnWithoutKey says how to get a key if nobody can have one.
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
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.ContainsRune("/._-+:\\", c)
	}
	if !strings.ContainsFunc(path, func(c rune) bool { return !plain(c) }) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
