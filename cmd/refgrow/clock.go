package main

import (
	"context"
	"flag"
	"time"

	"github.com/refgrow-go/refgrow"
)

// clockJSON is refgrow.ProjectClock with names for JSON, and the resets of the last
// stamp.
type clockJSON struct {
	Project   string           `json:"project"`
	Now       string           `json:"now"`
	LastStamp string           `json:"last_stamp"`
	Ahead     int64            `json:"ahead_seconds"`
	Leaped    bool             `json:"leaped"`
	Resets    []stampResetJSON `json:"resets"`
}

// stampResetJSON is refgrow.StampReset with names for JSON.
type stampResetJSON struct {
	Changed bool   `json:"changed"`
	From    string `json:"from"`
	To      string `json:"to"`
	At      string `json:"at"`
}

func stampResetForm(r refgrow.StampReset) stampResetJSON {
	return stampResetJSON{Changed: !r.From.Equal(r.To), From: stamp(r.From), To: stamp(r.To), At: stamp(r.At)}
}

func clockCommand() command {
	return command{
		name: "clock", summary: "show with which instants entries are stamped",
		example: "refgrow clock",
		text: "Shows for each project the instant before which no entry is stamped any more: that of the newest\n" +
			"entry, or a later one that was asked about. Where it is ahead of the clock, the clock was wrong once,\n" +
			"and all entries are stamped with that instant until the clock is there. \"refgrow clock reset\" brings\n" +
			"it back; which instants such resets have opened again is shown, too.\n\n" +
			`JSON: an array of {"project", "now", "last_stamp", "ahead_seconds", "leaped", "resets"}; leaped is true` +
			"\n" + `for more than two minutes, and resets are the last hundred, as of "refgrow clock reset".`,
		prepare: func(*flag.FlagSet) work { return showClocks },
	}
}

func showClocks(ctx context.Context, c *call) error {
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		clocks, err := engine.Clocks(ctx)
		if err != nil {
			return err
		}
		shown := make([]clockJSON, len(clocks))
		for i, k := range clocks {
			shown[i] = clockJSON{
				Project: k.Project, Now: stamp(k.Now), LastStamp: stamp(k.LastStamp),
				Ahead: int64(k.Ahead() / time.Second), Leaped: k.Leaped(), Resets: []stampResetJSON{},
			}
			project, err := engine.Project(ctx, k.Project)
			if err != nil {
				return err
			}
			resets, err := engine.StampResets(ctx, project)
			if err != nil {
				return err
			}
			for _, r := range resets {
				shown[i].Resets = append(shown[i].Resets, stampResetForm(r))
			}
		}
		if c.json {
			return c.stdout.json(shown)
		}
		rows := [][]string{{"PROJECT", "LAST STAMP", "AHEAD OF THE CLOCK"}}
		for i, k := range clocks {
			ahead := "no"
			if k.Leaped() {
				ahead = k.Ahead().Round(time.Second).String()
			}
			rows = append(rows, []string{k.Project, shown[i].LastStamp, ahead})
			for _, r := range shown[i].Resets {
				rows = append(rows, []string{"", "  reset at " + r.At, "from " + r.From + " to " + r.To})
			}
		}
		return c.stdout.table(rows)
	})
}

func clockResetCommand() command {
	return command{
		name: "clock reset", summary: "bring a project's last stamp back after the clock was wrong",
		example: "refgrow clock reset --project shop",
		text: "Brings the instant before which no entry is stamped back to that of the newest entry, where it is\n" +
			"more than two minutes ahead of the clock because a question was asked while the clock was wrong.\n" +
			"Answers that were given for the instants in between are no longer final; which these are is printed,\n" +
			"and kept (\"refgrow clock\"). Where the newest entry itself is ahead nothing can be done, since entries\n" +
			"never change: which one that is is printed, and the exit code is 1.\n\n" +
			`JSON: {"changed", "from", "to", "at"}: the instants after "to", up to "from", are open again.`,
		prepare: func(flags *flag.FlagSet) work {
			var project string
			flags.StringVar(&project, "project", "", projectUsage)
			return func(ctx context.Context, c *call) error { return c.resetClock(ctx, project) }
		},
	}
}

func (c *call) resetClock(ctx context.Context, name string) error {
	return c.withEngineOf(ctx, name, func(engine *refgrow.Engine, project *refgrow.Project) error {
		done, err := engine.ResetStamp(ctx, project)
		if err != nil {
			return err
		}
		shown := stampResetForm(done)
		switch {
		case c.json:
			return c.stdout.json(shown)
		case !shown.Changed:
			return c.stdout.printf("nothing changed: the last stamp, %s, is not ahead of the clock\n", shown.To)
		}
		return c.stdout.printf("the last stamp was %s and is %s: the instants in between are open again\n",
			shown.From, shown.To)
	})
}
