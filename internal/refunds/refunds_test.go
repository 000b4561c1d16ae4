package refunds_test

import (
	"errors"
	"math/rand"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/refunds"
)

func drawSale(t *rapid.T) refunds.Sale {
	base := rapid.Int64Range(0, 50).Draw(t, "base")
	return refunds.Sale{Base: &base}
}

// sound checks what holds for any sale.
func sound(t *rapid.T, s refunds.Sale) {
	t.Helper()
	switch {
	case s.Refunded < 0 || s.Base == nil && s.Refunded != 0 || s.Base != nil && s.Refunded > *s.Base:
		t.Fatalf("%d is refunded of %v", s.Refunded, s.Base)
	case s.Reversed && !s.Free():
		t.Fatalf("a sale of %d is reversed", *s.Base)
	}
}

// In whichever order totals are told, and however often, the end is the same: that of
// the latest instant, and of the larger one at the same instant.
func TestTotalsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sale := drawSale(t)
		totals := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) refunds.Total {
			return refunds.Total{
				Amount: rapid.Int64Range(0, 60).Draw(t, "amount"), At: rapid.Int64Range(1, 5).Draw(t, "at"),
			}
		}), 1, 8).Draw(t, "totals")
		last := totals[0]
		for _, told := range totals {
			if told.At > last.At || told.At == last.At && told.Amount > last.Amount {
				last = told
			}
		}
		totals = append(totals, rapid.SliceOf(rapid.SampledFrom(totals)).Draw(t, "repeats")...)
		rand.New(rand.NewSource(rapid.Int64().Draw(t, "order"))).Shuffle(len(totals), func(i, j int) {
			totals[i], totals[j] = totals[j], totals[i]
		})
		for _, told := range totals {
			before := sale
			outcome, err := sale.Tell(told)
			if err != nil {
				t.Fatalf("%+v: %v", told, err)
			}
			if same := sale.Refunded == before.Refunded && sale.Reversed == before.Reversed; outcome.Unchanged != same {
				t.Fatalf("%+v: unchanged is %t, but it was %+v and is %+v", told, outcome.Unchanged, before, sale)
			}
			sound(t, sale)
		}
		if *sale.Told != last || sale.Refunded != min(last.Amount, *sale.Base) ||
			sale.Reversed != (*sale.Base == 0 && last.Amount > 0) {
			t.Fatalf("the end is %+v with %+v, but the last total is %+v", sale, sale.Told, last)
		}
	})
}

// Parts that add up to the whole are the whole; undone, there is nothing refunded.
func TestPartsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(1, 1000).Draw(t, "base")
		sale := refunds.Sale{Base: &base}
		for left := base; left > 0; {
			if sale.Whole() {
				t.Fatalf("%d is left of %d, but it is whole", left, base)
			}
			part := rapid.Int64Range(1, left).Draw(t, "part")
			if outcome, err := sale.Give(&part, rapid.Bool().Draw(t, "cap")); err != nil || outcome != (refunds.Outcome{}) {
				t.Fatalf("giving back %d of %d: %+v, %v", part, left, outcome, err)
			}
			left -= part
		}
		if !sale.Whole() || sale.Refunded != base {
			t.Fatalf("of %d there is %d refunded", base, sale.Refunded)
		}
		for sale.Refunded > 0 {
			part := rapid.Int64Range(1, sale.Refunded).Draw(t, "undone part")
			if err := sale.Undo(&part); err != nil {
				t.Fatal(err)
			}
		}
		if err := sale.Undo(nil); !errors.Is(err, refunds.ErrNothing) {
			t.Fatalf("undoing nothing: %v", err)
		}
	})
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	of := func(base, refunded int64) refunds.Sale { return refunds.Sale{Base: &base, Refunded: refunded} }
	told := func(s refunds.Sale, amount, at int64) refunds.Sale {
		s.Told = &refunds.Total{Amount: amount, At: at}
		return s
	}
	free, reversed, signup := of(0, 0), of(0, 0), refunds.Sale{}
	reversed.Reversed = true
	backed := refunds.Sale{Reversed: true} // a signup that was taken back
	give := func(amount int64, capped bool) func(*refunds.Sale) (refunds.Outcome, error) {
		return func(s *refunds.Sale) (refunds.Outcome, error) { return s.Give(&amount, capped) }
	}
	rest := func(capped bool) func(*refunds.Sale) (refunds.Outcome, error) {
		return func(s *refunds.Sale) (refunds.Outcome, error) { return s.Give(nil, capped) }
	}
	tell := func(amount, at int64) func(*refunds.Sale) (refunds.Outcome, error) {
		return func(s *refunds.Sale) (refunds.Outcome, error) {
			return s.Tell(refunds.Total{Amount: amount, At: at})
		}
	}
	now := func(amount int64, lower bool) func(*refunds.Sale) (refunds.Outcome, error) {
		return func(s *refunds.Sale) (refunds.Outcome, error) { return s.TellNow(amount, 100, lower) }
	}
	undo := func(amount int64) func(*refunds.Sale) (refunds.Outcome, error) {
		return func(s *refunds.Sale) (refunds.Outcome, error) { return refunds.Outcome{}, s.Undo(&amount) }
	}
	undoAll := func(s *refunds.Sale) (refunds.Outcome, error) { return refunds.Outcome{}, s.Undo(nil) }
	named := func(taken int64) func(*refunds.Sale) (refunds.Outcome, error) {
		return func(s *refunds.Sale) (refunds.Outcome, error) { return s.UndoTaken(taken), nil }
	}
	capped, unchanged := refunds.Outcome{Capped: true}, refunds.Outcome{Unchanged: true}
	both, done := refunds.Outcome{Capped: true, Unchanged: true}, refunds.Outcome{}
	for name, test := range map[string]struct {
		sale     refunds.Sale
		do       func(*refunds.Sale) (refunds.Outcome, error)
		want     refunds.Outcome
		err      error
		refunded int64
		reversed bool
	}{
		"all of it":                           {of(10, 0), rest(false), done, nil, 10, false},
		"the rest":                            {of(10, 4), rest(false), done, nil, 10, false},
		"the rest of nothing":                 {of(10, 10), rest(false), done, refunds.ErrNothing, 10, false},
		"the rest of nothing, capped":         {of(10, 10), rest(true), unchanged, nil, 10, false},
		"exactly what is left":                {of(10, 4), give(6, false), done, nil, 10, false},
		"exactly what is left, capped":        {of(10, 4), give(6, true), done, nil, 10, false},
		"more than is left":                   {of(10, 4), give(7, false), done, refunds.ErrTooMuch, 4, false},
		"more than is left, capped":           {of(10, 4), give(7, true), capped, nil, 10, false},
		"more of nothing":                     {of(10, 10), give(1, false), done, refunds.ErrNothing, 10, false},
		"more of nothing, capped":             {of(10, 10), give(1, true), both, nil, 10, false},
		"a free sale":                         {free, rest(false), done, nil, 0, true},
		"a free sale again":                   {reversed, rest(false), done, refunds.ErrNothing, 0, true},
		"part of a free sale":                 {free, give(1, false), done, refunds.ErrTooMuch, 0, false},
		"part of a free sale, capped":         {free, give(1, true), capped, nil, 0, true},
		"part of a free sale again":           {reversed, give(1, false), done, refunds.ErrNothing, 0, true},
		"part of a free sale again, capped":   {reversed, give(1, true), both, nil, 0, true},
		"a signup":                            {signup, rest(false), done, nil, 0, true},
		"a signup again":                      {backed, rest(false), done, refunds.ErrNothing, 0, true},
		"part of a signup":                    {signup, give(1, false), done, refunds.ErrNoBase, 0, false},
		"part of a signup, capped":            {signup, give(1, true), done, refunds.ErrNoBase, 0, false},
		"a total":                             {of(10, 0), tell(3, 5), done, nil, 3, false},
		"a later total":                       {told(of(10, 3), 3, 5), tell(7, 6), done, nil, 7, false},
		"a later, lower total":                {told(of(10, 3), 3, 5), tell(1, 6), done, nil, 1, false},
		"an older total":                      {told(of(10, 3), 3, 5), tell(7, 4), unchanged, nil, 3, false},
		"a total of the same instant":         {told(of(10, 3), 3, 5), tell(4, 5), done, nil, 4, false},
		"a lower one of the same instant":     {told(of(10, 3), 3, 5), tell(2, 5), unchanged, nil, 3, false},
		"a later one that is so already":      {told(of(10, 3), 3, 5), tell(3, 6), unchanged, nil, 3, false},
		"a total of more than all":            {of(10, 0), tell(11, 5), capped, nil, 10, false},
		"a total of more than all, again":     {told(of(10, 10), 11, 5), tell(12, 6), both, nil, 10, false},
		"a total of a free sale":              {free, tell(1, 5), capped, nil, 0, true},
		"a total of nothing of a free sale":   {told(reversed, 1, 5), tell(0, 6), done, nil, 0, false},
		"a total of a signup":                 {signup, tell(1, 5), done, refunds.ErrNoBase, 0, false},
		"a first total, now":                  {of(10, 0), now(3, false), done, nil, 3, false},
		"a total of nothing, now":             {of(10, 0), now(0, false), unchanged, nil, 0, false},
		"a larger total, now":                 {told(of(10, 3), 3, 5), now(4, false), done, nil, 4, false},
		"the same total, now":                 {told(of(10, 3), 3, 5), now(3, false), unchanged, nil, 3, false},
		"a smaller total, now":                {told(of(10, 3), 3, 5), now(2, false), unchanged, nil, 3, false},
		"a smaller total that is meant":       {told(of(10, 3), 3, 5), now(2, true), done, nil, 2, false},
		"a larger total that may be lower":    {told(of(10, 3), 3, 5), now(4, true), done, nil, 4, false},
		"a total below what is refunded":      {told(of(10, 6), 3, 5), now(5, false), unchanged, nil, 6, false},
		"one below it that is meant":          {told(of(10, 6), 3, 5), now(5, true), done, nil, 5, false},
		"a first one below it":                {of(10, 6), now(5, false), unchanged, nil, 6, false},
		"a total that is what is refunded":    {told(of(10, 6), 3, 5), now(6, false), unchanged, nil, 6, false},
		"the same total after an undoing":     {told(of(10, 0), 3, 5), now(3, false), unchanged, nil, 0, false},
		"that total, meant":                   {told(of(10, 0), 3, 5), now(3, true), done, nil, 3, false},
		"a total of nothing of a reversed":    {reversed, now(0, false), unchanged, nil, 0, true},
		"that, meant":                         {reversed, now(0, true), done, nil, 0, false},
		"a total of a reversed sale":          {reversed, now(1, false), both, nil, 0, true},
		"a total of a signup, now":            {signup, now(1, true), done, refunds.ErrNoBase, 0, false},
		"undoing a part":                      {of(10, 6), undo(2), done, nil, 4, false},
		"undoing exactly what is refunded":    {of(10, 6), undo(6), done, nil, 0, false},
		"undoing more":                        {of(10, 6), undo(7), done, refunds.ErrNotSoMuch, 6, false},
		"undoing nothing":                     {of(10, 0), undo(1), done, refunds.ErrNothing, 0, false},
		"undoing all":                         {of(10, 6), undoAll, done, nil, 0, false},
		"undoing all of nothing":              {of(10, 0), undoAll, done, refunds.ErrNothing, 0, false},
		"undoing that of a free sale":         {reversed, undoAll, done, nil, 0, false},
		"undoing part of that of a free sale": {reversed, undo(1), done, refunds.ErrNoBase, 0, true},
		"undoing that of a signup":            {backed, undoAll, done, nil, 0, false},
		"undoing one with a name":             {of(10, 6), named(2), done, nil, 4, false},
		"undoing one that took nothing":       {of(10, 6), named(0), unchanged, nil, 6, false},
		"undoing one of a free sale":          {reversed, named(1), done, nil, 0, false},
		"undoing one that took none of it":    {reversed, named(0), unchanged, nil, 0, true},
		"undoing one that took a signup":      {backed, named(1), done, nil, 0, false},
	} {
		sale := test.sale
		got, err := test.do(&sale)
		if got != test.want || !errors.Is(err, test.err) || sale.Refunded != test.refunded || sale.Reversed != test.reversed {
			t.Errorf("%s: %+v, %v, refunded %d, reversed %t; want %+v, %v, %d, %t", name,
				got, err, sale.Refunded, sale.Reversed, test.want, test.err, test.refunded, test.reversed)
		}
	}
}

// A total without an instant never makes one count again that was told before it.
func TestTotalsWithoutAnInstantComeLast(t *testing.T) {
	t.Parallel()
	base := int64(10)
	sale := refunds.Sale{Base: &base, Told: &refunds.Total{Amount: 3, At: 200}, Refunded: 3}
	if _, err := sale.TellNow(5, 100, false); err != nil || *sale.Told != (refunds.Total{Amount: 5, At: 200}) {
		t.Fatalf("told %+v (%v)", sale.Told, err)
	}
	if outcome, _ := sale.Tell(refunds.Total{Amount: 4, At: 200}); !outcome.Unchanged || sale.Refunded != 5 {
		t.Errorf("%d is refunded", sale.Refunded)
	}
}

// What is undone without a name is first what was given back without one, then the
// refund of just that amount, then the latest.
func TestForget(t *testing.T) {
	t.Parallel()
	base := int64(100)
	for name, test := range map[string]struct {
		refunded, less int64
		taken, want    []int64
	}{
		"of what has no name":              {60, 10, []int64{30, 20}, []int64{30, 20}},
		"of that, though one took as much": {70, 20, []int64{30, 20}, []int64{30, 20}},
		"more than that":                   {60, 15, []int64{30, 20}, []int64{25, 20}},
		"as much as one took":              {60, 20, []int64{30, 20}, []int64{30, 0}},
		"as much as two took":              {40, 20, []int64{20, 20}, []int64{0, 20}},
		"more than the latest took":        {50, 40, []int64{30, 20}, []int64{0, 10}},
		"all":                              {60, 60, []int64{30, 20}, []int64{0, 0}},
		"without names":                    {60, 10, nil, nil},
	} {
		got := refunds.Sale{Base: &base, Refunded: test.refunded}.Forget(test.less, test.taken)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %d are left, want %d", name, got, test.want)
		}
	}
}
