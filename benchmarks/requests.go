package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// appendRequest appends a whole request to b. headers are whole lines.
func appendRequest(b []byte, method, path, token, headers string) []byte {
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: bench\r\n"...)
	if token != "" {
		b = append(b, "Authorization: Bearer "...)
		b = append(b, token...)
		b = append(b, "\r\n"...)
	}
	b = append(b, headers...)
	return append(b, "\r\n"...)
}

// appendPost appends a request with a JSON body to b.
func appendPost(b []byte, path, token, headers string, body []byte) []byte {
	headers += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	return append(appendRequest(b, "POST", path, token, headers), body...)
}

// An addressee is a server, and the client that sends to it.
type addressee struct {
	ready
	world  *population.World
	client int
}

// A workload makes the sources of that many clients.
type workload func(ctx context.Context, to addressee, clients int) ([]source, error)

// each makes the same source for every client.
func each(sourceOf func(to addressee) source) workload {
	return func(_ context.Context, to addressee, clients int) ([]source, error) {
		sources := make([]source, clients)
		for to.client = range clients {
			sources[to.client] = sourceOf(to)
		}
		return sources, nil
	}
}

// newcomers is how many of a hundred customers were not known before.
const newcomers = 5

// purchases posts purchases, each with a reference of its own, to our API.
func purchases(headers func(reference string) string) func(to addressee) source {
	return func(to addressee) source {
		draw := to.drawing()
		return func(b []byte) ([]byte, expected) {
			p, reference, email := draw()
			more := ""
			if headers != nil {
				more = headers(reference)
			}
			return appendPost(b, "/api/v1/conversions", to.Token, more, purchaseBody(p, reference, email)), expected{201, true}
		}
	}
}

// purchaseBody is a purchase as our API and the peer's equal work take it.
func purchaseBody(p population.Purchase, reference, email string) []byte {
	body := append(make([]byte, 0, 256), `{"type":"purchase","email":"`...)
	body = append(body, email...)
	body = append(body, `","reference":"`...)
	body = append(body, reference...)
	if p.Code != population.Nobody {
		body = append(body, `","referral_code":"`...)
		body = append(body, population.Code(p.Code)...)
	}
	body = append(body, `","base_value":`...)
	body = appendAmount(body, p.Base)
	body = append(body, `,"base_value_currency":"`...)
	body = append(body, p.Currency...)
	return append(body, `"}`...)
}

func appendAmount(b []byte, minor int64) []byte {
	b = strconv.AppendInt(b, minor/100, 10)
	return append(b, '.', byte('0'+minor/10%10), byte('0'+minor%10))
}

// drawing returns the purchases of one client: no two clients have the same.
func (to addressee) drawing() func() (p population.Purchase, reference, email string) {
	shopper := to.world.Shopper(uint64(1000+to.client), newcomers)
	n := 0
	return func() (population.Purchase, string, string) {
		p := shopper.Draw()
		n++
		reference := "in_" + strconv.Itoa(to.client) + "_" + strconv.Itoa(n)
		if p.Customer == to.world.Customers {
			return p, reference, "new_" + reference + "@example.com"
		}
		return p, reference, population.CustomerEmail(p.Customer)
	}
}

// plainPurchases creates conversions in PocketBase like a client that has worked out
// everything itself: who is credited, and with how much.
func plainPurchases(to addressee) source {
	draw := to.drawing()
	return func(b []byte) ([]byte, expected) {
		p, reference, _ := draw()
		affiliate, customer := "", ""
		if p.Credited() != population.Nobody {
			affiliate = population.RecordID('a', p.Credited())
		}
		if p.Customer < to.world.Customers {
			customer = population.RecordID('c', p.Customer)
		}
		body := fmt.Appendf(make([]byte, 0, 256),
			`{"type":"purchase","customer":%q,"affiliate":%q,"reference":%q,"base_value":%d,"value":%d,"currency":%q}`,
			customer, affiliate, reference, p.Base, p.Commission(), p.Currency)
		return appendPost(b, "/api/collections/conversions/records", to.Token, "", body), expected{200, true}
	}
}

// equalPurchases sends PocketBase what our API gets: its hooks do the rest.
func equalPurchases(to addressee) source {
	draw := to.drawing()
	return func(b []byte) ([]byte, expected) {
		p, reference, email := draw()
		code := ""
		if p.Code != population.Nobody {
			code = population.Code(p.Code)
		}
		body := fmt.Appendf(make([]byte, 0, 256),
			`{"type":"purchase","email":%q,"reference":%q,"referral_code":%q,"base_value":%d,"currency":%q}`,
			email, reference, code, p.Base, p.Currency)
		return appendPost(b, "/api/collections/conversions/records", to.Token, "", body), expected{200, true}
	}
}

// always sends the same request.
func always(status int, path string) func(to addressee) source {
	return func(to addressee) source {
		request := appendRequest(nil, "GET", path, to.Token, "")
		return func(b []byte) ([]byte, expected) { return append(b, request...), expected{status: status} }
	}
}

// mixed is half creates, a quarter lists and a quarter retrieves.
func mixed(to addressee) source {
	create := purchases(nil)(to)
	r := rand.New(rand.NewPCG(to.world.Seed, uint64(5000+to.client)))
	lists := []string{"/api/v1/conversions", "/api/v1/affiliates", "/api/v1/referrals"}
	return func(b []byte) ([]byte, expected) {
		switch n := r.IntN(4); n {
		case 0:
			return appendRequest(b, "GET", lists[r.IntN(len(lists))], to.Token, ""), expected{status: 200}
		case 1:
			path := "/api/v1/affiliates/" + population.AffiliateEmail(r.IntN(to.world.Affiliates))
			if r.IntN(2) == 0 && to.world.Conversions > 0 {
				path = "/api/v1/conversions/" + strconv.Itoa(1+r.IntN(to.world.Conversions))
			}
			return appendRequest(b, "GET", path, to.Token, ""), expected{status: 200}
		default:
			return create(b)
		}
	}
}
