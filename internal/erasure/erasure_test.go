package erasure

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A job goes through its parts, each once, and begins each one at the beginning.
func TestParts(t *testing.T) {
	t.Parallel()
	one, former := new(int64(1)), `{"codes":["jane"],"others":["old"],"former":true}`
	for want, job := range map[string]*db.Erasure{
		"customer answers events errors":                                           {ReferralID: one},
		"customer answers events errors ":                                          {ReferralID: one, Deletes: 1},
		"notes clicks conversions claims answers events errors":                    {AffiliateID: one},
		"notes clicks conversions conversions_again claims answers events errors":  {AffiliateID: one, Names: former},
		"conversions claims answers events rows answers_again events_again errors": {AffiliateID: one, Deletes: 1},
		"conversions conversions_again claims answers events rows answers_again events_again errors": {
			AffiliateID: one, Deletes: 1, Names: former,
		},
	} {
		job.LastAnswer, job.LastEvent = 70, 80
		var all []string
		for job.Part = string(First(job)); Part(job.Part) != Done; Advance(job) {
			all = append(all, job.Part)
			begins := map[Part]int64{AnswersAgain: 70, EventsAgain: 80}[Part(job.Part)]
			if len(all) > 1 && (job.Mark != begins || job.MarkTime != -math.MaxInt64) {
				t.Errorf("%s begins at %d of %d", job.Part, job.Mark, job.MarkTime)
			}
			job.Mark, job.MarkTime = 5, 6
		}
		if got := strings.Join(all, " "); got != strings.TrimSpace(want) {
			t.Errorf("the parts are %s, want %s", got, want)
		}
	}
}

func TestDamagedJobs(t *testing.T) {
	t.Parallel()
	for _, job := range []db.Erasure{
		{AffiliateID: new(int64(1)), Part: "notes", Names: "{"}, {AffiliateID: new(int64(1)), Part: "nothing"},
		{AffiliateID: new(int64(1)), Part: string(Rows)}, {AffiliateID: new(int64(1)), Part: string(Done)},
	} {
		if found, err := Look(t.Context(), &file{}, &job); !errors.Is(err, stored.ErrDamaged) {
			t.Errorf("%+v finds %+v (%v)", job, found, err)
		}
	}
}

// A file is a database that has only what an erasure reads.
type file struct {
	db.Querier

	answers   []db.ListAnswersBetweenRow
	events    []db.FindEventsNamingRow
	customers map[int64]int64 // their affiliates
	merged    map[int64]int64
	asked     db.FindEventsNamingParams
}

func (f *file) ListMergedInto(_ context.Context, of db.ListMergedIntoParams) (ids []int64, err error) {
	for id, into := range f.merged {
		if into == of.IntoID {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (f *file) GetMerged(_ context.Context, of db.GetMergedParams) (int64, error) {
	into, ok := f.merged[of.ReferralID]
	if !ok {
		return 0, sql.ErrNoRows
	}
	return into, nil
}

func (f *file) FindReferral(_ context.Context, of db.FindReferralParams) (row db.FindReferralRow, err error) {
	affiliate, ok := f.customers[of.ReferralID]
	if !ok {
		return row, sql.ErrNoRows
	}
	return db.FindReferralRow{ID: of.ReferralID, AffiliateID: stored.IDOrNull(affiliate)}, nil
}

func (f *file) FindReferralByEmail(
	_ context.Context, of db.FindReferralByEmailParams,
) (row db.FindReferralByEmailRow, err error) {
	var id int64
	if _, err := fmt.Sscanf(of.Email, "c%d@example.com", &id); err != nil || f.customers[id] == 0 {
		return row, sql.ErrNoRows
	}
	return db.FindReferralByEmailRow{ID: id, AffiliateID: stored.IDOrNull(f.customers[id])}, nil
}

func (f *file) LastAnswerID(context.Context) (last int64, err error) {
	if len(f.answers) > 0 {
		last = f.answers[len(f.answers)-1].ID
	}
	return last, nil
}

func (f *file) ListAnswersBetween(
	_ context.Context, of db.ListAnswersBetweenParams,
) (rows []db.ListAnswersBetweenRow, err error) {
	for _, r := range f.answers {
		if r.ID > of.AfterID && r.ID <= of.ToID && int64(len(rows)) < of.AtMost {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func (f *file) GetLastEventID(context.Context, int64) (last int64, err error) {
	if len(f.events) > 0 {
		last = f.events[len(f.events)-1].ID
	}
	return last, nil
}

func (f *file) FindEventsNaming(
	_ context.Context, of db.FindEventsNamingParams,
) (rows []db.FindEventsNamingRow, err error) {
	f.asked = of
	for _, r := range f.events {
		if r.ID > of.AfterID && r.ID <= of.ToID && int64(len(rows)) < of.AtMost {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// looked returns all that the parts of a job from one to another find.
func looked(t *testing.T, f *file, job db.Erasure, part Part) (all Found) {
	t.Helper()
	job.Part = string(part)
	for job.Part == string(part) {
		found, err := Look(t.Context(), f, &job)
		if err != nil {
			t.Fatal(err)
		}
		all.Answers = append(all.Answers, found.Answers...)
		all.Events, all.Changed = append(all.Events, found.Events...), append(all.Changed, found.Changed...)
		job.Names, job.MarkTime, job.Mark = found.Names, found.MarkTime, found.Mark
		if found.Last {
			Advance(&job)
		}
	}
	return all
}

// Which stored answers name somebody: an affiliate, a customer with those merged into it,
// and, where an affiliate is deleted, its customers, by an id, an email, or one who is
// gone since.
func TestAnswersThatName(t *testing.T) {
	t.Parallel()
	names, err := jane().Text()
	if err != nil {
		t.Fatal(err)
	}
	f := &file{customers: map[int64]int64{5: 1, 6: 2, 8: 0}, merged: map[int64]int64{7: 5, 9: 6}}
	for i, body := range []string{
		`{}`,
		`{"data": {"affiliate_id": 1}}`,
		`{"data": {"affiliate_id": 2, "referral_code": "JANE"}}`,
		`{"data": {"referred_user_id": 5}}`,
		`{"data": {"referred_user_id": 6}}`,
		`{"data": {"referred_user_id": 7}}`, // merged into 5
		`{"data": {"referred_user_id": 9}}`, // merged into 6
		`{"data": {"id": 8, "conversion_status": "direct"}}`,
		`{"data": {"user_email": "C5@example.com"}}`,
		`{"data": {"user_email": "c6@example.com"}}`,
		`{"data": {"referred_user_id": 99}}`, // gone
	} {
		f.answers = append(f.answers, db.ListAnswersBetweenRow{ID: int64(i), Body: []byte(body)})
	}
	f.answers = append(f.answers, db.ListAnswersBetweenRow{ID: 350, Body: []byte(`{"data": {"referred_user_id": 99}}`)},
		db.ListAnswersBetweenRow{ID: 351, Body: []byte(`{"a": "pay@example.com"}`)})
	for what, c := range map[string]struct {
		job  db.Erasure
		want []int64
	}{
		"an affiliate is erased": {db.Erasure{AffiliateID: new(int64(1)), Names: names}, []int64{1, 2, 351}},
		"an affiliate is deleted": {
			db.Erasure{AffiliateID: new(int64(1)), Names: names, Deletes: 1}, []int64{1, 2, 3, 5, 8, 350, 351},
		},
		"a customer is erased": {
			db.Erasure{ReferralID: new(int64(5)), Names: `{"emails":["c5@example.com"]}`}, []int64{3, 5, 8},
		},
		"a customer is deleted": {db.Erasure{ReferralID: new(int64(6)), Deletes: 1}, []int64{4, 6}},
	} {
		c.job.LastAnswer = 300
		if got := looked(t, f, c.job, Answers).Answers; !slices.Equal(got, c.want) {
			t.Errorf("%s: the answers are %d, want %d", what, got, c.want)
		}
	}
}

// Events about somebody go; of somebody else's only what names the person.
func TestEventsThatName(t *testing.T) {
	t.Parallel()
	names, err := jane().Text()
	if err != nil {
		t.Fatal(err)
	}
	f := &file{merged: map[int64]int64{7: 5}}
	for i := range int64(3 * pageRows) {
		row := db.FindEventsNamingRow{ID: i + 1, Lane: -i, Data: `{"product": "jane"}`}
		switch i {
		case 3, 2 * pageRows:
			row.Party = 1
		case 4, pageRows + 7:
			row.Data = `{"id":7,"referral_code":"joe.JANE","changes":{"coupon_code_used":[null,"CO_jane"]}}`
		case 5:
			row.Data = `{"referral_code":"joe"`
		case 6:
			row.Data = `{"user_email": "jane@example.com"` // which cannot be changed
		}
		f.events = append(f.events, row)
	}
	found := looked(t, f, db.Erasure{AffiliateID: new(int64(12)), Names: names}, Events)
	if got := fmt.Sprint(found.Events); got != fmt.Sprintf("[{4 -3} {7 -6} {%d %d}]", 2*pageRows+1, -2*pageRows) {
		t.Errorf("the events are %s", got)
	}
	const left = `{"id":7,"referral_code":"joe.erased-12","changes":{"coupon_code_used":[null,"erased-12"]}}`
	if got := fmt.Sprint(found.Changed); got != fmt.Sprintf("[{5 %s} {%d %s}]", left, pageRows+8, left) {
		t.Errorf("the changed ones are %s", got)
	}
	if f.asked.AffiliateID != 12 || f.asked.CustomersOf != 0 || f.asked.GoneAfter != math.MaxInt64 {
		t.Errorf("asked is %+v", f.asked)
	}
	looked(t, f, db.Erasure{AffiliateID: new(int64(12)), Deletes: 1, LastEvent: 9}, EventsAgain)
	if f.asked.CustomersOf != 12 || f.asked.GoneAfter != 9 {
		t.Errorf("asked is %+v", f.asked)
	}
	looked(t, f, db.Erasure{ReferralID: new(int64(5))}, Events)
	if f.asked.ReferralIDs != "[7,5]" || f.asked.AffiliateID != 0 {
		t.Errorf("asked is %+v", f.asked)
	}
}

// In a conversion all codes give way, and those of coupons that led to the affiliate are
// found out.
func TestRenamedInConversions(t *testing.T) {
	t.Parallel()
	const nothing = `[{"source":"referral_code","code":"joe","affiliate_id":2,"outcome":"credited"}]`
	for _, c := range []struct {
		candidates, coupon, referral, url string
		want                              string
		former                            []string
	}{
		{nothing, "", "joe", "https://a.b/?q=jane", "", nil},
		{`[]`, "SAVE10", "jane.joe", "https://a.b/?ref=jane", `[] erased-1 erased-1.joe https://a.b/?ref=erased-1`, nil},
		{
			`[{"source":"coupon","code":"CO_Jane","outcome":"ambiguous"}]`, "CO_Jane", "", "",
			`[{"source":"coupon","code":"erased-1","outcome":"ambiguous"}] erased-1  `, nil,
		},
		{
			`[{"source":"coupon","code":"OLD","affiliate_id":1,"outcome":"outranked"}]`, "old", "", "",
			`[{"source":"coupon","code":"erased-1","affiliate_id":1,"outcome":"outranked"}] erased-1  `, []string{"OLD"},
		},
		{
			`[{"source":"referral_code","code":"older","affiliate_id":1,"outcome":"credited"}]`, "", "older", "",
			`[{"source":"referral_code","code":"erased-1","affiliate_id":1,"outcome":"credited"}]  older `, nil,
		},
		{
			`[{"source":"coupon","code":"erased-1","affiliate_id":1,"outcome":"outranked"},` +
				`{"source":"moved","affiliate_id":1,"outcome":"credited"}]`,
			"erased-1", "", "", "", nil,
		},
		{
			`[{"source":"referral_code","code":"Jane@Example.com","outcome":"unknown"}]`,
			"PAY@example.com", "Jane@Example.com", "",
			`[{"source":"referral_code","code":"erased-1","outcome":"unknown"}] erased-1 erased-1 `, nil,
		},
	} {
		row := db.Conversion{
			Candidates: c.candidates, CouponCode: stored.TextOrNull(c.coupon), ReferralCode: stored.TextOrNull(c.referral),
			URL: stored.TextOrNull(c.url),
		}
		former, changed, err := (&Found{person: jane(), of: 1, shown: "erased-1"}).renamedIn(&row)
		got := strings.Join([]string{
			row.Candidates, stored.OrZero(row.CouponCode), stored.OrZero(row.ReferralCode), stored.OrZero(row.URL),
		}, " ")
		if err != nil || changed != (c.want != "") || changed && got != c.want || !slices.Equal(former, c.former) {
			t.Errorf("%+v becomes %s, changed: %v, and %q was found (%v)", c, got, changed, former, err)
		}
	}
	if _, _, err := (&Found{}).renamedIn(&db.Conversion{Candidates: "["}); !errors.Is(err, stored.ErrDamaged) {
		t.Errorf("damaged candidates: %v", err)
	}
}
