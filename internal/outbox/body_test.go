package outbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	const at = 1768478400999
	for _, c := range []struct {
		name  string
		row   db.Event
		event Event
		want  string
	}{
		{
			"nobody's", db.Event{ProjectID: 4, CreatedAt: at, Kind: string(PurchaseRecorded), Data: `{"id":1}`}, Converted,
			`{"event":"referral_converted","timestamp":1768478400,"project_id":"4",` +
				`"referrer":null,"referred":null,"data":{"id":1}}`,
		},
		{
			"a test", db.Event{ProjectID: 4, CreatedAt: at, Kind: string(TestOf(Canceled)), Data: `{}`}, Canceled,
			`{"event":"referral_canceled","timestamp":1768478400,"project_id":"4","test":true,` +
				`"referrer":null,"referred":null,"data":{}}`,
		},
		{
			"both parties", db.Event{
				ProjectID: 4, CreatedAt: at, Kind: string(ConversionGone), Data: `{"a":"b"}`,
				AffiliateID: new(int64(2)), AffiliateEmail: new(`"jane"@example.com`), AffiliateCode: new("jane"),
				PaypalEmail: new("pay@example.com"), WiseAccountID: new("77"), WiseEmail: new("wise@example.com"),
				ReferralID: new(int64(3)), ReferralEmail: new("carl@example.com"),
			}, Canceled,
			`{"event":"referral_canceled","timestamp":1768478400,"project_id":"4",` +
				`"referrer":{"id":"2","email":"\"jane\"@example.com","payout_preferences":{"paypal_email":"pay@example.com",` +
				`"wise_details":{"accountId":"77","email":"wise@example.com"}}},` +
				`"referred":{"id":"3","email":"carl@example.com"},"data":{"a":"b"}}`,
		},
		{
			"a referred user who was created", db.Event{
				ProjectID: 4, CreatedAt: at, Kind: string(ReferralCreated), Data: `{}`,
				AffiliateID: new(int64(2)), AffiliateEmail: new("jane@example.com"), AffiliateCode: new("jane"),
				ReferralID: new(int64(3)),
			}, SignedUp,
			`{"event":"referral_signed_up","timestamp":1768478400,"project_id":"4",` +
				`"referrer":{"id":"2","email":"jane@example.com"},"referred":{"id":"3","email":null},` +
				`"data":{"referral_code":"jane","signup_date":"2026-01-15T12:00:00.999Z",` +
				`"user_agent":null,"ip_address":null}}`,
		},
		{
			"an earlier signup", db.Event{
				ProjectID: 4, CreatedAt: at, Kind: string(SignupRecorded), UserAgent: new("Lynx"),
				Data: `{"id":1,"created_at":"2026-01-14T12:00:00.000Z","referral_code":"nobodys","url":null}`,
			}, SignedUp,
			`{"event":"referral_signed_up","timestamp":1768478400,"project_id":"4","referrer":null,"referred":null,` +
				`"data":{"referral_code":null,"signup_date":"2026-01-14T12:00:00.000Z","user_agent":"Lynx","ip_address":null,` +
				`"id":1,"created_at":"2026-01-14T12:00:00.000Z","url":null}}`,
		},
		{
			"the same, reported as a conversion", db.Event{
				ProjectID: 4, CreatedAt: at, Kind: string(SignupRecorded), UserAgent: new("Lynx"),
				Data: `{"id":1,"referral_code":"nobodys"}`,
			}, Updated,
			`{"event":"referral_updated","timestamp":1768478400,"project_id":"4","referrer":null,"referred":null,` +
				`"data":{"id":1,"referral_code":"nobodys"}}`,
		},
	} {
		if got, err := body(&c.row, c.event, true); err != nil || string(got) != c.want {
			t.Errorf("%s: the body is\n%s (%v)\nbut should be\n%s", c.name, got, err, c.want)
		}
	}
	for _, data := range []string{"", "null", "[]", `{"id"`, `{"id":}`} {
		if got, err := body(&db.Event{Data: data}, SignedUp, true); err == nil {
			t.Errorf("a signup with the data %q has the body %s", data, got)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	const want = "evt_a_z_referral_updated"
	if got := messageID(&db.Event{ID: 10, CreatedAt: 35}, Updated); got != want {
		t.Errorf("the id is %s, but should be %s", got, want)
	}
}

func TestWithChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after, want string }{
		{`{}`, `{}`, ``},
		{`{"a":1,"b":null}`, `{"a":1,"b":null}`, ``},
		{`{"a":1,"b":null}`, `{"a":1,"b":"<&>"}`, `{"a":1,"b":"<&>","changes":{"b":[null,"<&>"]}}`},
		{
			`{"a":1,"b":{"c":[1,2]}}`, `{"a":1.5,"b":{"c":[1]}}`,
			`{"a":1.5,"b":{"c":[1]},"changes":{"a":[1,1.5],"b":[{"c":[1,2]},{"c":[1]}]}}`,
		},
	} {
		got, err := WithChanges([]byte(c.before), []byte(c.after))
		if err != nil || string(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("from %s to %s is %s (%v), but should be %s", c.before, c.after, got, err, c.want)
		}
	}
	if _, err := WithChanges([]byte(`{}`), []byte(`[]`)); !errors.Is(err, stored.ErrDamaged) {
		t.Errorf("something other than an object returned %v", err)
	}
}

// The object after a change is kept as it is, and "changes" has what differs and
// nothing else: whoever has it can go back.
func TestChangesLeadBack(t *testing.T) {
	t.Parallel()
	value := rapid.SampledFrom([]string{
		`null`, `0`, `12.50`, `true`, `"x"`, `"a \"quote\" and \\ <&>"`, `{"a":[]}`, `[1,{"b":null}]`,
	})
	object := func(values []string) []byte {
		members := make([]string, len(values))
		for i, v := range values {
			members[i] = fmt.Sprintf(`"m%d":%s`, i, v)
		}
		return []byte("{" + strings.Join(members, ",") + "}")
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6).Draw(t, "n")
		old := rapid.SliceOfN(value, n, n).Draw(t, "old")
		now := rapid.SliceOfN(value, n, n).Draw(t, "now")
		before, after := object(old), object(now)
		got, err := WithChanges(before, after)
		if err != nil {
			t.Fatal(err)
		}
		if got == nil {
			if !bytes.Equal(before, after) {
				t.Fatalf("nothing changed from %s to %s", before, after)
			}
			return
		}
		members, err := Members(got)
		if err != nil || len(members) != n+1 || members[n].Name != "changes" {
			t.Fatalf("from %s to %s is %s (%v)", before, after, got, err)
		}
		var changes map[string][2]json.RawMessage
		if err := json.Unmarshal(members[n].Value, &changes); err != nil {
			t.Fatal(err)
		}
		back, different := make([]string, n), 0
		for i, m := range members[:n] {
			if string(m.Value) != now[i] {
				t.Errorf("%s is %s, but should be %s", m.Name, m.Value, now[i])
			}
			back[i] = now[i]
			if change, ok := changes[m.Name]; ok {
				back[i] = string(change[0])
				different++
			}
		}
		if !bytes.Equal(object(back), before) || different != len(changes) {
			t.Errorf("from %s to %s is %s", before, after, got)
		}
	})
}
