package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow/money"
)

// A kind is what an order asks for.
type kind int

const (
	recording kind = iota
	refunding
	revaluing
	running // payouts
	paying
	canceling
)

// An order is one change that a writer wants made exactly once, however often it has to
// be sent: the same request again, with the same key.
type order struct {
	kind              kind
	method, path      string
	key, body         string  // a change that may be made again without harm has no key
	id                int64   // of the conversion or payout that is changed
	sale              booking // what the conversion is afterwards
	externalReference string  // of a paid payout
}

func (o *order) String() string {
	return fmt.Sprintf("%s %s %s with key %q", o.method, o.path, o.body, o.key)
}

// A booking is what the file holds of a conversion, in cents.
type booking struct {
	affiliate             int64
	reference             string
	base, value, refunded int64
}

// target is what the affiliate gets in the end: the commission less the share of it
// that belongs to what was refunded, rounded half away from zero.
func (s booking) target() int64 {
	return s.value - (2*s.value*s.refunded+s.base)/(2*s.base)
}

// commission is 20 % of the base value, rounded half away from zero.
func commission(base int64) int64 { return (2*base*20 + 100) / 200 }

// A transfer is what the file holds of a payout.
type transfer struct {
	affiliate, amount, entries int64
	status, externalReference  string
}

// after is the payout once an order has paid or canceled it.
func (f transfer) after(o *order) transfer {
	switch o.kind {
	case paying:
		f.status, f.externalReference = "paid", o.externalReference
	case canceling:
		f.status = "canceled"
	case recording, refunding, revaluing, running:
	}
	return f
}

// A reply is how an order was answered.
type reply struct {
	status int
	body   []byte
}

// promises are what all acknowledged answers say the file holds.
type promises struct {
	mu         sync.Mutex
	sales      map[int64]booking
	transfers  map[int64]transfer
	references map[string]bool  // those ever sent
	replies    map[string]reply // by key
	answered   []*order         // those with a key
	recent     []*order         // the last with a key that were begun
	repeated   int              // answers that were given again
	over       bool             // answers no longer count
	news       chan struct{}    // gets something when an answer comes, if somebody waits for it
}

func newPromises() *promises {
	return &promises{
		sales: make(map[int64]booking), transfers: make(map[int64]transfer),
		references: make(map[string]bool), replies: make(map[string]reply), news: make(chan struct{}),
	}
}

// begin remembers an order that is about to be sent.
func (p *promises) begin(o *order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.kind == recording {
		p.references[o.sale.reference] = true
	}
	if o.key == "" {
		return
	}
	const remembered = 24 // about three for each writer: often one is still under way
	if p.recent = append(p.recent, o); len(p.recent) > remembered {
		p.recent = p.recent[1:]
	}
}

// end says from when on answers no longer count.
func (p *promises) end(over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = over
}

func (p *promises) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

// another returns one of the orders that were begun last, nil if there is none.
func (p *promises) another(random *rand.Rand, wanted func(*order) bool) *order {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*order
	for _, o := range p.recent {
		if wanted(o) {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[random.IntN(len(found))]
}

// sale returns what was promised about a conversion.
func (p *promises) sale(id int64) booking {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sales[id]
}

// keep takes an answer to an order. made are the conversions or payouts that nobody had
// heard of before. A repeated order must get the very same answer, but for a run of
// payouts, whose payouts are shown as they are by then.
func (p *promises) keep(o *order, r reply) (made []int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, ok := p.replies[o.key]; ok && o.key != "" {
		p.repeated++
		same := bytes.Equal(before.body, r.body)
		if o.kind == running {
			same = slices.Equal(idsOf(before.body), idsOf(r.body))
		}
		if before.status != r.status || !same {
			return nil, fmt.Errorf("%v was answered with\n%d %s\nand again with\n%d %s",
				o, before.status, before.body, r.status, r.body)
		}
		return nil, nil
	}
	if o.kind == recording && r.status == http.StatusConflict {
		return nil, refusedReference(r.body)
	}
	want := http.StatusOK
	if o.kind == recording || o.kind == running {
		want = http.StatusCreated
	}
	if r.status != want {
		return nil, fmt.Errorf("%v: %d %s", o, r.status, r.body)
	}
	if made, err = p.promise(o, r.body); err != nil {
		return nil, fmt.Errorf("%v: %w: %s", o, err, r.body)
	}
	if o.key != "" {
		p.replies[o.key] = r
		p.answered = append(p.answered, o)
	}
	return made, nil
}

// idsOf returns the ids in a list.
func idsOf(body []byte) []int64 {
	var list struct{ Data []struct{ ID int64 } }
	if err := json.Unmarshal(body, &list); err != nil {
		return []int64{-1}
	}
	ids := make([]int64, len(list.Data))
	for i, row := range list.Data {
		ids[i] = row.ID
	}
	return ids
}

// refusedReference checks that a conversion was refused only for its reference.
func refusedReference(body []byte) error {
	var refusal struct{ Code, Field string }
	if err := json.Unmarshal(body, &refusal); err != nil || refusal.Code != "conflict" || refusal.Field != "reference" {
		return fmt.Errorf("a conversion was refused: %s", body)
	}
	return nil
}

// promise remembers what an answer says. The caller holds mu.
func (p *promises) promise(o *order, body []byte) (made []int64, err error) {
	switch o.kind {
	case recording, refunding, revaluing:
		var shown struct{ Data bookingJSON }
		if err := json.Unmarshal(body, &shown); err != nil {
			return nil, err
		}
		id, s, err := shown.Data.read()
		if err != nil {
			return nil, err
		}
		if s != o.sale || o.kind != recording && id != o.id {
			return nil, fmt.Errorf("the answer shows conversion %d %+v, want %d %+v", id, s, o.id, o.sale)
		}
		if before, known := p.sales[id]; o.kind == recording && known {
			return nil, fmt.Errorf("two conversions have the id %d: %+v and %+v", id, before, s)
		}
		p.sales[id] = s
		if o.kind == recording {
			made = []int64{id}
		}
		return made, nil
	case running:
		var shown struct{ Data []transferJSON }
		if err := json.Unmarshal(body, &shown); err != nil {
			return nil, err
		}
		for _, f := range shown.Data {
			one, err := f.read()
			if err != nil {
				return nil, err
			}
			if _, known := p.transfers[f.ID]; known {
				return nil, fmt.Errorf("two payouts have the id %d", f.ID)
			}
			p.transfers[f.ID] = one
			made = append(made, f.ID)
		}
		return made, nil
	case paying, canceling:
		var shown struct{ Data transferJSON }
		if err := json.Unmarshal(body, &shown); err != nil {
			return nil, err
		}
		one, err := shown.Data.read()
		if want := p.transfers[o.id].after(o); err != nil || shown.Data.ID != o.id || one != want {
			return nil, errors.Join(err, fmt.Errorf("the answer shows %+v, want %+v", one, want))
		}
		p.transfers[o.id] = one
		return nil, nil
	}
	return nil, fmt.Errorf("an order of the kind %d", o.kind)
}

// bookingJSON is a conversion as an answer shows it.
type bookingJSON struct {
	ID          int64       `json:"id"`
	AffiliateID int64       `json:"affiliate_id"`
	Reference   string      `json:"reference"`
	Base        json.Number `json:"base_value"`
	Value       json.Number `json:"value"`
	Refunded    json.Number `json:"refunded_amount"`
}

func (s bookingJSON) read() (id int64, _ booking, err error) {
	var errs [3]error
	read := booking{affiliate: s.AffiliateID, reference: s.Reference}
	read.base, errs[0] = cents(s.Base)
	read.value, errs[1] = cents(s.Value)
	read.refunded, errs[2] = cents(s.Refunded)
	return s.ID, read, errors.Join(errs[:]...)
}

// transferJSON is a payout as an answer shows it.
type transferJSON struct {
	ID                int64       `json:"id"`
	AffiliateID       int64       `json:"affiliate_id"`
	Amount            json.Number `json:"amount"`
	Status            string      `json:"status"`
	EntryCount        int64       `json:"entry_count"`
	ExternalReference string      `json:"external_reference"`
}

func (f transferJSON) read() (transfer, error) {
	amount, err := cents(f.Amount)
	return transfer{f.AffiliateID, amount, f.EntryCount, f.Status, f.ExternalReference}, err
}

// cents reads an amount of dollars.
func cents(number json.Number) (int64, error) {
	amount, err := money.Parse(number.String() + " USD")
	return amount.Minor(), err
}

// dollars writes an amount of cents.
func dollars(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// Findings are how a file differs from what was promised.
type findings struct {
	lost  []string // what was acknowledged and is missing
	wrong []string // what nobody ordered, or what does not add up
	done  int      // orders that were carried out but not answered
}

// expectNothing ends the test if there are any.
func (f findings) expectNothing(t *testing.T) {
	t.Helper()
	all := slices.Concat(f.lost, f.wrong)
	if len(all) == 0 {
		return
	}
	const shown = 20
	t.Fatalf("%d lost, %d wrong:\n%s", len(f.lost), len(f.wrong), strings.Join(all[:min(shown, len(all))], "\n"))
}

// compare compares a file with what was promised. Each of the orders that wait for
// their answer may have been carried out, or not.
func (p *promises) compare(b books, waiting []*order) (f findings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.compareSales(b, waiting, &f)
	p.compareTransfers(b, waiting, &f)
	f.wrong = append(f.wrong, b.wrong...)
	if len(waiting) == 0 {
		p.addUp(b, &f)
	}
	return f
}

func (p *promises) compareSales(b books, waiting []*order, f *findings) {
	made, changed := make(map[booking]bool), make(map[int64]booking)
	for _, o := range waiting {
		switch o.kind {
		case recording:
			made[o.sale] = true
		case refunding, revaluing:
			changed[o.id] = o.sale
		case running, paying, canceling:
		}
	}
	there := make(map[string]bool)
	for id, got := range b.sales {
		if there[got.reference] {
			f.wrong = append(f.wrong, fmt.Sprintf("two conversions have the reference %s", got.reference))
		}
		there[got.reference] = true
		if _, known := p.sales[id]; known {
			continue
		}
		if !made[got] {
			f.wrong = append(f.wrong, fmt.Sprintf("nobody ordered conversion %d %+v", id, got))
			continue
		}
		delete(made, got)
		f.done++
	}
	for id, want := range p.sales {
		got, ok := b.sales[id]
		switch after, changing := changed[id]; {
		case !ok:
			f.lost = append(f.lost, fmt.Sprintf("conversion %d %+v", id, want))
		case got == want:
		case changing && got == after:
			f.done++
		default:
			f.lost = append(f.lost, fmt.Sprintf("conversion %d is %+v, and was %+v", id, got, want))
		}
	}
	if len(waiting) > 0 {
		return
	}
	for reference := range p.references {
		if !there[reference] {
			f.lost = append(f.lost, "the reference "+reference)
		}
	}
}

func (p *promises) compareTransfers(b books, waiting []*order, f *findings) {
	runs, changed := 0, make(map[int64]*order)
	for _, o := range waiting {
		switch o.kind {
		case running:
			runs++
		case paying, canceling:
			changed[o.id] = o
		case recording, refunding, revaluing:
		}
	}
	unheard := false
	for id, got := range b.transfers {
		if _, known := p.transfers[id]; known {
			continue
		}
		if unheard = true; runs == 0 || got.status != "pending" {
			f.wrong = append(f.wrong, fmt.Sprintf("nobody ordered payout %d %+v", id, got))
		}
	}
	if unheard {
		f.done++
	}
	for id, want := range p.transfers {
		got, ok := b.transfers[id]
		switch o := changed[id]; {
		case !ok:
			f.lost = append(f.lost, fmt.Sprintf("payout %d %+v", id, want))
		case got == want:
		case o != nil && got == want.after(o):
			f.done++
		default:
			f.lost = append(f.lost, fmt.Sprintf("payout %d is %+v, and was %+v", id, got, want))
		}
	}
}

// addUp checks to the cent what each affiliate has earned, how much of it was paid and
// how much is about to be.
func (p *promises) addUp(b books, f *findings) {
	want := make(map[int64]account)
	for _, s := range p.sales {
		a := want[s.affiliate]
		a.total += s.target()
		want[s.affiliate] = a
	}
	for _, x := range p.transfers {
		a := want[x.affiliate]
		switch x.status {
		case "paid":
			a.paid += x.amount
		case "pending":
			a.reserved += x.amount
		}
		want[x.affiliate] = a
	}
	for affiliate := int64(1); affiliate <= affiliates; affiliate++ {
		if got := b.accounts[affiliate]; got != want[affiliate] {
			f.wrong = append(f.wrong, fmt.Sprintf("affiliate %d has %+v, want %+v", affiliate, got, want[affiliate]))
		}
	}
}

// adopt takes over the payouts that an interrupted run made and whose answer is lost
// forever, because it had no key. It returns their ids.
func (p *promises) adopt(b books) (ids []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, x := range b.transfers {
		if _, known := p.transfers[id]; !known {
			p.transfers[id] = x
			ids = append(ids, id)
		}
	}
	return ids
}
