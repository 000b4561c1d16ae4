package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// killedAfter runs a command at most until wait returns, and returns what it printed.
func killedAfter(t *testing.T, cmd *exec.Cmd, wait func()) (printed string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	return out.String()
}

// within returns a random time.
func within(random *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(most)))
}

// toGrow waits until a file has grown a number of times, but not for long.
func toGrow(file string, times int) {
	size := int64(0)
	for deadline := time.Now().Add(500 * time.Millisecond); times > 0 && time.Now().Before(deadline); {
		if info, err := os.Stat(file); err == nil && info.Size() > size {
			size = info.Size()
			times--
			continue
		}
		<-time.After(time.Millisecond / 4)
	}
}

// ready is what "refgrow serve --json" prints.
type ready struct {
	URL string  `json:"url"`
	Key *string `json:"key"` // of a new database
}

// readyOn starts a server on a file. end kills it.
func readyOn(t *testing.T, binary, file string) (r ready, end func()) {
	t.Helper()
	cmd := servingWith(binary, file)(t.Context())
	cmd.Args = append(cmd.Args, "--json")
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(stdout).Decode(&r); err != nil {
		t.Fatalf("the server did not start: %v: %s", err, &log)
	}
	return r, func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	}
}

// opens checks that a key opens the server.
func opens(t *testing.T, url, key string) {
	t.Helper()
	s := &server{t: t, url: url, key: key, client: &http.Client{Timeout: 20 * time.Second}}
	if status, body, err := s.try(http.MethodGet, "/affiliates", "", ""); err != nil || status != http.StatusOK {
		t.Errorf("the key does not open the server: %d %s %v", status, body, err)
	}
}

// The server is killed at a random instant while it makes its database. Started again
// it serves, and a key that was shown opens it.
func TestKilledAtTheFirstStart(t *testing.T) {
	t.Parallel()
	random, binary, dir := newRandom(t), build(t), t.TempDir()
	shown := make(map[string]int)
	rounds := crashes(4, 20, 200)
	for round := range rounds {
		file := filepath.Join(dir, strconv.Itoa(round)+".db")
		cmd := servingWith(binary, file)(t.Context())
		cmd.Args = append(cmd.Args, "--json")
		printed := killedAfter(t, cmd, func() {
			// Its schema takes less time than its first key, and has more to break: so
			// it is mostly killed right after it has written something.
			if round%3 < 2 {
				toGrow(file+"-wal", 1+random.IntN(12))
			} else {
				<-time.After(within(random, 200*time.Millisecond))
			}
		})
		var before ready
		if printed != "" {
			if err := json.Unmarshal([]byte(printed), &before); err != nil {
				t.Fatalf("%v: %s", err, printed)
			}
		}
		after, end := readyOn(t, binary, file)
		var key, when string
		switch {
		case before.Key != nil && after.Key != nil:
			t.Errorf("round %d: two first keys were shown", round)
		case before.Key != nil:
			key, when = *before.Key, "before the kill"
		case after.Key != nil:
			key, when = *after.Key, "after it"
		default:
			// It was killed after it had made the project, and before it could show a
			// key.
			out, err := exec.CommandContext(t.Context(), binary, "key", "create", "--db", file, "--project", shopName).
				Output()
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			key, when = strings.TrimSpace(string(out)), "never"
		}
		shown[when]++
		opens(t, after.URL, key)
		verifyWith(t, binary, file)
		end()
	}
	t.Logf("%d kills; the first key was shown: %v", rounds, shown)
}

// The command is killed at a random instant while it makes a backup. What it leaves is
// the whole backup, or nothing that could be taken for one.
func TestKilledWhileBackingUp(t *testing.T) {
	t.Parallel()
	random, binary, dir := newRandom(t), build(t), t.TempDir()
	file := filepath.Join(dir, "refgrow.db")
	const sales = 3000
	fill(t, file, sales)
	left := make(map[string]int)
	rounds := crashes(5, 30, 300)
	for round := range rounds {
		backup := filepath.Join(dir, strconv.Itoa(round)+".backup")
		cmd := exec.CommandContext(t.Context(), binary, "backup", "--db", file, "--to", backup)
		done := killedAfter(t, cmd, func() { <-time.After(within(random, 120*time.Millisecond)) }) != ""
		left[judge(t, binary, backup, sales, done)]++
	}
	t.Logf("%d kills left: %v", rounds, left)
}

// judge says what a backup that was killed left behind.
func judge(t *testing.T, binary, backup string, sales int, done bool) string {
	t.Helper()
	whole := fmt.Sprintf("conversions: %d\n", sales)
	out, err := exec.CommandContext(t.Context(), binary, "verify", "--db", backup).Output()
	_, missing := os.Stat(backup)
	switch {
	case err == nil && strings.HasSuffix(string(out), whole):
		return "all of it"
	case done:
		t.Errorf("the backup was said to be done: %v %s", err, out)
	case err == nil:
		t.Errorf("half a backup passes for a whole one: %s", out)
	case errors.Is(missing, fs.ErrNotExist):
		return "nothing"
	}
	return "what is refused"
}

// fill makes a database with sales.
func fill(t *testing.T, file string, sales int) {
	t.Helper()
	ctx := t.Context()
	makeProject(t, file)
	database, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.Project(ctx, shopName)
	if err != nil {
		t.Fatal(err)
	}
	err = shop.Atomic(ctx, func(shop *refgrow.Project) error {
		for i := range sales {
			if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: 1 + rand.Int64N(affiliates),
				BaseValue: money.MustParse("49.00 USD"), Reference: strconv.Itoa(i),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
