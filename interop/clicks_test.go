package interop

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// click queues clicks from ever new visitors and prints how many it has handed over.
func click(ctx context.Context, file string) error {
	database, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return err
	}
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	if err != nil {
		return err
	}
	shop, err := engine.Project(ctx, "shop")
	if err != nil {
		return err
	}
	began := engine.Now().UnixNano()
	for taken := uint64(0); ; {
		var address [16]byte
		binary.BigEndian.PutUint64(address[:], 0xfd<<56|(uint64(began)+taken)&(1<<56-1))
		if !shop.QueueClick(refgrow.Click{ReferralCode: "JANE", Address: netip.AddrFrom16(address)}) {
			time.Sleep(time.Millisecond)
			continue
		}
		if taken++; taken%100 == 0 {
			fmt.Println(taken)
		}
	}
}

// A process that is killed loses, of the clicks that it was given, at most those that
// wait in memory and those of one transaction, and what it has written is whole.
func TestKilledWhileClicking(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 512 // of the engine
	for round, counted := 0, int64(0); round < 8; round++ {
		cmd := ourselves(ctx, clicking, file)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		taken := int64(0)
		for lines := bufio.NewScanner(out); taken < int64(9000+700*round) && lines.Scan(); {
			if taken, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // says that it was killed
		seen, err := shop.GetAffiliate(ctx, jane.ID)
		if err != nil {
			t.Fatal(err)
		}
		written := seen.Clicks - counted
		counted = seen.Clicks
		if lost := taken - written; lost > refgrow.MaxQueuedClicks+batch {
			t.Errorf("of %d clicks %d are lost", taken, lost)
		}
		if report, err := engine.Verify(ctx); err != nil || len(report.Differences) > 0 {
			t.Fatal(report.Differences, err)
		}
	}
}
