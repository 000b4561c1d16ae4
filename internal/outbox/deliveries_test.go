package outbox

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A changeLog is a database that has only changes.
type changeLog struct {
	db.Querier
	position int64
	changes  []db.ListEventsSinceRow
	pending  map[string]bool
	made     []string
}

func (l *changeLog) GetOutboxPosition(context.Context, int64) (int64, error) { return l.position, nil }

func (l *changeLog) ListEventsSince(
	_ context.Context, of db.ListEventsSinceParams,
) (rows []db.ListEventsSinceRow, err error) {
	for _, row := range l.changes {
		after := row.CreatedAt > of.AfterTime || row.CreatedAt == of.AfterTime && row.ID > of.AfterID
		if after && row.ID <= of.LastID && int64(len(rows)) < of.Limit {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (l *changeLog) IsPending(_ context.Context, of db.IsPendingParams) (int64, error) {
	if l.pending[fmt.Sprint(of.EventID, " ", of.Event)] {
		return 1, nil
	}
	return 0, nil
}

func (l *changeLog) HoldBack(context.Context, db.HoldBackParams) error { return nil }

func (l *changeLog) InsertDelivery(_ context.Context, of db.InsertDeliveryParams) (int64, error) {
	l.made = append(l.made, fmt.Sprint(of.EventID, " ", of.Event))
	return int64(len(l.made)), nil
}

// A replay continues where the previous step ended, up to where the outbox was when it
// began, whatever is written in the meantime; and a step that is repeated does the same
// again.
func TestReplaysGoInSteps(t *testing.T) {
	t.Parallel()
	const there = 2*spreadStep + 1
	l := &changeLog{position: there, pending: map[string]bool{"2 " + string(Updated): true}}
	add := func() {
		l.changes = append(l.changes, db.ListEventsSinceRow{
			ID: int64(len(l.changes)) + 1, Kind: string(PurchaseRecorded), CreatedAt: 7,
		})
	}
	for range there {
		add()
	}
	to := Endpoint{ID: 1, Events: []Event{Updated}, StartsAfter: 3}
	replay, steps := Replay{Project: 1}, 0
	for ; !replay.Done; steps++ {
		made := len(l.made)
		next, changes, err := replay.Next(t.Context(), l, to)
		if err != nil {
			t.Fatal(err)
		}
		replay = next
		undone, err := replay.Step(t.Context(), l, to, changes, 0)
		if err != nil {
			t.Fatal(err)
		}
		first := slices.Clone(l.made[made:])
		l.made = l.made[:made]
		again, err := replay.Step(t.Context(), l, to, changes, 0)
		if err != nil || again != undone || !slices.Equal(l.made[made:], first) {
			t.Fatalf("step %d returned %+v, and %+v when it was repeated (%v)", steps, undone, again, err)
		}
		replay = again
		add()
		l.position++
	}
	if steps != 3 || replay.Made != there-1 || len(l.made) != there-1 || l.made[1] != "3 referral_updated" {
		t.Errorf("%d deliveries were made in %d steps: %q", replay.Made, steps, l.made)
	}
}

// An endpoint that was switched on a moment ago is sent nothing from before that
// without a replay: the replay covers all of it.
func TestReplaysReachTheStartOfAnEndpoint(t *testing.T) {
	t.Parallel()
	l := &changeLog{position: 1}
	for id := range int64(3) {
		l.changes = append(l.changes, db.ListEventsSinceRow{ID: id + 1, Kind: string(ConversionGone)})
	}
	to := Endpoint{ID: 1, Events: Events(), StartsAfter: 2}
	replay, changes, err := Replay{Project: 1}.Next(t.Context(), l, to)
	if err != nil {
		t.Fatal(err)
	}
	replay, err = replay.Step(t.Context(), l, to, changes, 0)
	if err != nil || !replay.Done || replay.Made != 2 {
		t.Errorf("the replay is %+v (%v)", replay, err)
	}
}
