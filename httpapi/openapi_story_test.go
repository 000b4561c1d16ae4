package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// story is the life of a program, told with the examples of the document in an order in
// which each can be sent: an operation, the name of its example, and the parameters of
// the query that are sent, with their own examples; or how much time passes; or another
// call. It is the same in each run, so that the answers of the document are true.
const story = `
	retrieveProject fresh
	updateProject program
	createWebhook all
	createAffiliate jane
	createAffiliate bob
	updateAffiliate slug
	createRule bob
	listRules all

	wait 24h
	createCoupon jane20
	listCoupons all ?status=
	retrieveCoupon jane20
	recordClicks one
	recordClicks list
	createReferral carl
	createConversion signup
	createConversion purchase
	createConversion coupon
	createConversion late
	createConversion repeated
	listConversions purchases ?type=
	retrieveConversion purchase
	updateConversion value
	updateReferral direct
	listReferrals all
	retrieveReferral dora

	wait 144h
	createRefund total
	createRefund amount
	refundConversion part
	undoRefund failed
	explainConversion purchase
	createAdjustment bonus

	wait 960h
	retrieveAffiliate jane
	listAffiliates all ?limit=
	retrieveEarnings jane ?as_of=
	listLedger jane
	retrieveStatement json ?month=
	retrieveStatement csv ?month=&format=csv
	retrieveStatistics two ?from=&to=
	runPayouts preview
	runPayouts run
	listPayouts pending ?status=
	retrievePayout jane
	listPayoutEntries jane
	exportPayouts paypal ?format=
	listPayoutRuns all
	retrievePayoutRun first
	payPayout paid
	returnPayout closed
	runPayouts jane
	payPayouts two
	POST /adjustments {"affiliate_id": 2, "amount": 20, "note": "For payouts that are given up"}
	POST /payouts
	cancelPayouts one
	POST /payouts
	cancelPayout bob
	deleteConversion

	listen
	listWebhooks all
	retrieveWebhook all
	updateWebhook fewer
	rotateWebhook day
	testWebhook payout
	listDeliveries pending ?status=
	replayWebhook one
	replayWebhook since

	mergeReferrals same
	deleteRule
	eraseReferral erik
	deleteReferral
	updateCoupon off
	deleteCoupon
	eraseAffiliate jane
	deleteAffiliate
	deleteWebhook
	retrieveDocument
`

// The examples of the document are accepted, in the order of the story, and what it says
// that is answered is answered. So are the bodies that webhooks are sent.
func TestOpenAPIExamples(t *testing.T) {
	t.Parallel()
	s := &teller{world: setup(t, refgrow.Settings{}, noLimit), document: openAPI(), told: make(map[string]bool)}
	for line := range strings.Lines(story) {
		if words := strings.Fields(line); len(words) > 0 {
			s.tell(t, words)
		}
	}
	for _, o := range s.operations() {
		if !s.told[o.pointer] {
			t.Errorf("the story does not have %s", o.id)
		}
		var all []string
		if o.body() != "" {
			all = append(all, under(o.body(), "examples"))
		}
		for status := range s.at(under(o.pointer, "responses")) {
			answer := under(o.pointer, "responses", status)
			for media := range s.at(under(answer, "content")) {
				all = append(all, under(answer, "content", media, "examples"))
				if s.at(under(answer, "content", media, "examples")) == nil && o.id != "retrieveDocument" {
					t.Errorf("%s has no example of %s", o.id, status)
				}
			}
		}
		for _, examples := range all {
			for name := range s.at(examples) {
				if !s.told[under(examples, name)] {
					t.Errorf("the story does not have %s", under(examples, name))
				}
			}
		}
	}
	for name := range s.at("#/webhooks") {
		for example := range s.at(under(bodyOf(name), "examples")) {
			if !s.told[name+" "+example] {
				t.Errorf("nobody is sent the example %s of %s", example, name)
			}
		}
	}
}

// A teller tells the story.
type teller struct {
	*world
	*document
	told map[string]bool // pointers
}

func (s *teller) tell(t *testing.T, words []string) {
	t.Helper()
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		must(t, err)
		s.clock.Advance(d)
		return
	case "listen":
		s.listen(t)
		return
	case "POST":
		if got := s.do(t, "POST", words[1], strings.Join(words[2:], " ")); got.status != 201 {
			t.Fatalf("%s: %s", words, got.body)
		}
		return
	}
	o := s.operation(words[0])
	s.told[o.pointer] = true
	example, query := "", url.Values{}
	if len(words) > 1 {
		example = words[1]
	}
	if len(words) > 2 {
		for pair := range strings.SplitSeq(words[2][1:], "&") {
			name, value, _ := strings.Cut(pair, "=")
			if value == "" {
				value = fmt.Sprint(s.at(o.parameters("query")[name])["example"])
			}
			query.Set(name, value)
		}
	}
	path := o.path
	for name, p := range o.parameters("path") {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(fmt.Sprint(s.at(p)["example"])))
	}
	body := ""
	if o.body() != "" {
		if sent := under(o.body(), "examples", example); s.at(sent) != nil {
			s.told[sent] = true
			body = show(s.at(sent)["value"])
			for _, wrong := range s.check(s.at(sent)["value"], under(o.body(), "schema"), false, nil) {
				t.Errorf("the example %s of %s: %s", example, o.id, wrong)
			}
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	got := s.do(t, o.method, path, body)
	if got.status >= 300 {
		t.Fatalf("%s %s: %s", o.id, example, got.body)
	}
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if media == "" || o.id == "retrieveDocument" {
		return
	}
	answer := under(o.pointer, "responses", fmt.Sprint(got.status), "content", media, "examples", example)
	s.told[answer] = true
	var value any = got.json
	if media != "application/json" {
		value = string(got.body)
	}
	want := s.at(answer)["value"]
	if !reflect.DeepEqual(masked(value), masked(want)) {
		t.Errorf("%s %s answers\n%s\nand the document has\n%s", o.id, example, show(masked(value)), show(masked(want)))
	}
}

var madeUp = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`)

// masked is a value of which nothing is random.
func masked(v any) any {
	var same any
	d := json.NewDecoder(strings.NewReader(madeUp.ReplaceAllString(show(v), "whsec_...")))
	d.UseNumber()
	if err := d.Decode(&same); err != nil {
		panic(err)
	}
	return same
}

// listen takes what the webhook is sent, and holds it against the document.
func (s *teller) listen(t *testing.T) {
	t.Helper()
	seen := make(map[string]bool)
	for _, a := range s.deliveries(t, 1) {
		name, body := string(a.Event), parse(t, string(a.Body))
		seen[name] = true
		for example, of := range s.at(under(bodyOf(name), "examples")) {
			if reflect.DeepEqual(of.(map[string]any)["value"], any(body)) {
				s.told[name+" "+example] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, slices.Sorted(maps.Keys(s.at("#/webhooks")))) {
		t.Errorf("the story sends %q", got)
	}
}

// bodyOf is the pointer of what is sent for an event.
func bodyOf(event string) string {
	return under("#/webhooks", event, "post", "requestBody", "content", "application/json")
}

// deliveries takes all that waits for a webhook, as its worker would, and holds it
// against the document.
func (w *world) deliveries(t *testing.T, webhook int64) (all []refgrow.Attempt) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = w.engine.Outbox().Spread(t.Context())
		must(t, err)
	}
	for {
		attempts, _, err := w.engine.Outbox().Claim(t.Context(), webhook, 100, time.Minute)
		must(t, err)
		if len(attempts) == 0 {
			return all
		}
		for _, a := range attempts {
			schema := under(bodyOf(string(a.Event)), "schema")
			for _, wrong := range openAPI().check(any(parse(t, string(a.Body))), schema, true, nil) {
				t.Errorf("%s%s: %s", a.Event, wrong, a.Body)
			}
			must(t, w.engine.Outbox().Finish(t.Context(), a,
				refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded, ResponseStatus: 204}))
		}
		all = append(all, attempts...)
	}
}
