package refgrow_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The statement of a month that is over never changes.
type statement struct {
	affiliate int64
	from, to  time.Time
	text      string
}

// lookAtStatement asks, every now and then, for the last month's statement of an
// affiliate, and for an earlier statement again.
func (w *world) lookAtStatement(look uint32) error {
	w.statements = slices.DeleteFunc(w.statements, func(s statement) bool { return w.model.affiliates[s.affiliate] == nil })
	if ids := slices.Sorted(maps.Keys(w.model.affiliates)); look%16 == 0 && len(ids) > 0 {
		now := w.clock.Now().UTC()
		to := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		s := statement{affiliate: ids[int(look/16)%len(ids)], from: to.AddDate(0, -1, 0), to: to}
		var err error
		if s.text, err = w.statementOf(s); err != nil {
			return err
		}
		w.statements = append(w.statements, s)
	}
	if len(w.statements) == 0 || look%8 != 1 {
		return nil
	}
	return w.stated(w.statements[int(look/8)%len(w.statements)])
}

// statementOf asks for a statement and holds it against the entries of the month.
func (w *world) statementOf(s statement) (string, error) {
	got, err := w.project.Statement(w.ctx, s.affiliate, s.from.Year(), s.from.Month())
	if err != nil {
		return "", err
	}
	w.model.asked = max(w.model.asked, s.to.UnixMilli())
	var ids, want []int64
	for _, e := range got.Entries {
		ids = append(ids, e.ID)
	}
	for _, e := range w.model.entries[s.affiliate] {
		if e.stamp >= s.from.UnixMilli() && e.stamp < s.to.UnixMilli() {
			want = append(want, e.id)
		}
	}
	last := int64(0)
	if len(want) > 0 {
		last = want[len(want)-1]
	}
	if !got.Closed || got.LastEntryID != last || !slices.Equal(ids, want) {
		return "", fmt.Errorf("the statement of affiliate %d for %s, closed %t, has the entries %v to %d, but should have %v",
			s.affiliate, s.from.Format("2006-01"), got.Closed, ids, got.LastEntryID, want)
	}
	var text bytes.Buffer
	err = got.WriteCSV(&text)
	return text.String(), err
}

// stated asks once more: the answer must be the same.
func (w *world) stated(s statement) error {
	if s.to.After(w.clock.Now()) { // the clock went back: the month is not over now
		return nil
	}
	text, err := w.statementOf(s)
	if err == nil && text != s.text {
		return fmt.Errorf("the statement of affiliate %d for %s was\n%s\nand is now\n%s", s.affiliate, s.from.Format("2006-01"), s.text, text)
	}
	return err
}

func (w *world) auditStatements() error {
	for _, s := range w.statements {
		if err := w.stated(s); err != nil {
			return err
		}
	}
	return nil
}
