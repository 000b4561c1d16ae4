package attribution

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

var (
	sources  = []Reason{ReasonAffiliateID, ReasonCustomer, ReasonCoupon, ReasonReferralCode, ReasonMoved}
	outcomes = []Outcome{
		OutcomeCredited, OutcomeOutranked, OutcomeInactive, OutcomeUnknown, OutcomeAmbiguous, OutcomeRefused,
	}
)

// written are candidates that can be written: their codes have any characters.
func written(t *rapid.T) []Candidate {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Candidate {
		return Candidate{
			Source: rapid.SampledFrom(sources).Draw(t, "source"), Code: rapid.String().Draw(t, "code"),
			AffiliateID: rapid.Int64Min(0).Draw(t, "affiliate"), Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome"),
			SelfReferral: rapid.Bool().Draw(t, "self-referral"), Claimed: rapid.Bool().Draw(t, "claimed"),
			Repeated: rapid.Bool().Draw(t, "repeated"),
		}
	}), 0, 5).Draw(t, "candidates")
}

func textOf(t *rapid.T, candidates []Candidate) string {
	text, err := Text(candidates)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The form in which existing databases have candidates.
func TestText(t *testing.T) {
	t.Parallel()
	for want, candidates := range map[string][]Candidate{
		`[]`: {},
		`[{"source":"customer","affiliate_id":5,"outcome":"credited"},` +
			`{"source":"coupon","code":"NEW10","outcome":"unknown"}]`: {
			{Source: ReasonCustomer, AffiliateID: 5, Outcome: OutcomeCredited},
			{Source: ReasonCoupon, Code: "NEW10", Outcome: OutcomeUnknown},
		},
		`[{"source":"referral_code","code":"jane","affiliate_id":5,` +
			`"outcome":"refused","self_referral":true,"claimed":true,"repeated":true}]`: {
			{ReasonReferralCode, "jane", 5, OutcomeRefused, true, true, true},
		},
	} {
		if text, err := Text(candidates); err != nil || text != want {
			t.Errorf("%+v are kept as %s, %v, want %s", candidates, text, err, want)
		}
	}
}

// What is written is known, and is read back as it was.
func TestTextIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		candidates := written(t)
		text := textOf(t, candidates)
		d, err := Of(&db.Conversion{Candidates: text})
		if err != nil || !slices.Equal(d.Candidates, candidates) {
			t.Fatalf("%s is read back as %+v, %v", text, d.Candidates, err)
		}
		if !Known(text) {
			t.Fatalf("%s is not known", text)
		}
	})
}

// Whatever could not have been written is not known: a word, an id or a member that
// does not exist, bytes that are not text, and what is cut short.
func TestKnownRefuses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		candidates := written(t)
		if len(candidates) == 0 {
			candidates = []Candidate{{Source: ReasonCoupon, Outcome: OutcomeUnknown}}
		}
		text := textOf(t, candidates)
		one := rapid.IntRange(0, len(candidates)-1).Draw(t, "one")
		wrong := slices.Clone(candidates)
		switch rapid.IntRange(0, 5).Draw(t, "damage") {
		case 0:
			wrong[one].Source = rapid.SampledFrom([]Reason{
				"", "Coupon", "coupons", ReasonNone, ReasonAffiliateInactive, ReasonCodeUnknown, ReasonSelfReferral,
			}).Draw(t, "source")
			text = textOf(t, wrong)
		case 1:
			wrong[one].Outcome = rapid.SampledFrom([]Outcome{"", "Credited", "none"}).Draw(t, "outcome")
			text = textOf(t, wrong)
		case 2:
			wrong[one].AffiliateID = rapid.Int64Max(-1).Draw(t, "affiliate")
			text = textOf(t, wrong)
		case 3:
			text = strings.Replace(text, `{"source"`, `{"price":1,"source"`, 1)
		case 4:
			text = strings.Replace(text, `"outcome"`, "\"code\":\"\xff\",\"outcome\"", 1)
		case 5:
			text = text[:rapid.IntRange(0, len(text)-1).Draw(t, "length")]
		}
		if Known(text) {
			t.Fatalf("%q is known", text)
		}
	})
}

// Whoever is credited afterwards, and however often: the last candidate is the credited
// one, and the others say what became of them before.
func TestMove(t *testing.T) {
	t.Parallel()
	p := newProgram()
	rapid.Check(t, func(t *rapid.T) {
		d, _, err := policies(t).Attribute(t.Context(), p, p.evidence(t))
		if err != nil {
			t.Fatal(err)
		}
		c := &db.Conversion{
			Reason: string(d.Reason), AffiliateID: stored.IDOrNull(d.Chosen), Candidates: textOf(t, d.Candidates),
		}
		want := slices.Clone(d.Candidates)
		for _, to := range rapid.SliceOfN(rapid.Int64Range(0, 3), 1, 4).Draw(t, "moves") {
			if err := Move(c, stored.IDOrNull(to)); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if want[i].Outcome == OutcomeCredited {
					want[i].Outcome = OutcomeOutranked
				}
			}
			want = append(want, Candidate{Source: ReasonMoved, AffiliateID: to, Outcome: OutcomeCredited})
			got, err := Of(c)
			if err != nil || got.Reason != ReasonMoved || got.Chosen != to || got.SelfReferral ||
				!slices.Equal(got.Candidates, want) {
				t.Fatalf("after moving to %d it is %+v, %v, want %+v", to, got, err, want)
			}
			if !Known(c.Candidates) {
				t.Fatalf("%s is not known", c.Candidates)
			}
		}
	})
}

// Only the credited candidate is flagged.
func TestFlag(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := written(t)
		c := &db.Conversion{Candidates: textOf(t, want)}
		for i := range want {
			want[i].SelfReferral = want[i].SelfReferral || want[i].Outcome == OutcomeCredited
		}
		if err := Flag(c); err != nil || c.Candidates != textOf(t, want) {
			t.Fatalf("they are %s, %v, want %+v", c.Candidates, err, want)
		}
	})
}

// A conversion whose decision cannot be read is neither moved nor flagged.
func TestMoveOfDamage(t *testing.T) {
	t.Parallel()
	before := db.Conversion{ID: 5, AffiliateID: new(int64(1)), Reason: "customer", Candidates: "[{"}
	after := before
	if err := Move(&after, nil); err == nil || after != before {
		t.Errorf("it is %+v, %v", after, err)
	}
	if err := Flag(&after); err == nil || after != before {
		t.Errorf("it is %+v, %v", after, err)
	}
}

// Notes are read back as they were written, and what could not have been written is not
// known.
func TestNotes(t *testing.T) {
	t.Parallel()
	none, err := NotesText(nil)
	if err != nil || none != nil || !KnownNotes(nil) {
		t.Errorf("no notes are kept as %v, %v", none, err)
	}
	notes := []Note{{CustomerConflict, "external_id", 7}, {CustomerConflict, "email", 8}}
	const want = `[{"code":"customer_conflict","field":"external_id","referred_user_id":7},` +
		`{"code":"customer_conflict","field":"email","referred_user_id":8}]`
	text, err := NotesText(notes)
	if err != nil || *text != want || !KnownNotes(text) {
		t.Fatalf("%+v are kept as %v, %v", notes, text, err)
	}
	d, err := Of(&db.Conversion{Candidates: "[]", Notes: text})
	if err != nil || !slices.Equal(d.Notes, notes) {
		t.Errorf("%s is read back as %+v, %v", *text, d.Notes, err)
	}
	if _, err := Of(&db.Conversion{Candidates: "[]", Notes: stored.TextOrNull("{")}); !errors.Is(err, stored.ErrDamaged) {
		t.Errorf("broken notes: %v", err)
	}
	for _, wrong := range []string{
		"", "[]", "{}", want[:len(want)-1], strings.Replace(want, "customer_conflict", "conflict", 1),
		strings.Replace(want, `"email"`, `"url"`, 1), strings.Replace(want, ":7", ":0", 1),
		strings.Replace(want, ":8", ":-8", 1),
		strings.Replace(want, "code", "word", 1), "[{\"code\":\"customer_conflict\",\"field\":\"\xff\"}]",
	} {
		if KnownNotes(&wrong) {
			t.Errorf("%q is known", wrong)
		}
	}
}

// What a repeated signup named is added once, marked as such, and decides nothing,
// unless it led the first one to its affiliate: then it comes before the move.
func TestRepeat(t *testing.T) {
	t.Parallel()
	p := newProgram()
	rapid.Check(t, func(t *rapid.T) {
		policy := policies(t)
		d, _, err := policy.Attribute(t.Context(), p, p.evidence(t))
		if err != nil {
			t.Fatal(err)
		}
		c := &db.Conversion{
			Reason: string(d.Reason), AffiliateID: stored.IDOrNull(d.Chosen), Candidates: textOf(t, d.Candidates),
		}
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			again, _, err := policy.Attribute(t.Context(), p, p.evidence(t))
			if err != nil {
				t.Fatal(err)
			}
			again.Notes = []Note{{CustomerConflict, "email", rapid.Int64Range(1, 30).Draw(t, "customer")}}
			moved := c.AffiliateID == nil && again.Chosen != 0
			if moved {
				if err := Move(c, &again.Chosen); err != nil {
					t.Fatal(err)
				}
			}
			before, err := Of(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := Repeat(c, again, moved); err != nil {
				t.Fatal(err)
			}
			after, err := Of(c)
			switch {
			case err != nil || !Known(c.Candidates) || !KnownNotes(c.Notes):
				t.Fatalf("it is not known: %s, %v", c.Candidates, err)
			case after.Reason != before.Reason || after.Chosen != before.Chosen:
				t.Fatalf("%+v becomes %+v", before, after)
			case len(after.Candidates) > MaxCandidates+4 || len(after.Notes) > MaxNotes || len(after.Notes) == 0:
				t.Fatalf("there are %d candidates and %d notes", len(after.Candidates), len(after.Notes))
			}
			credited := slices.DeleteFunc(slices.Clone(after.Candidates), func(c Candidate) bool {
				return c.Outcome != OutcomeCredited
			})
			last := after.Candidates[max(len(after.Candidates)-1, 0):]
			switch {
			case moved && (len(credited) != 2 || !credited[0].Repeated || credited[0].AffiliateID != again.Chosen ||
				credited[1] != last[0] || last[0].Source != ReasonMoved):
				t.Fatalf("after a move the candidates are %+v", after.Candidates)
			case !moved && len(credited) > 2, after.Chosen == 0 && len(credited) > 0:
				t.Fatalf("the candidates are %+v", after.Candidates)
			}
			text := c.Candidates
			if err := Repeat(c, again, false); err != nil || !moved && c.Candidates != text {
				t.Fatalf("the same once more makes %s of %s, %v", c.Candidates, text, err)
			}
		}
	})
}
