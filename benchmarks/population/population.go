// Package population invents the shops that are measured: who refers, who buys, and
// what was bought in the year before. Everything follows from a seed and a size, so
// that both sides of a comparison have the same people and purchases, and so has every
// run.
package population

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// End is when the history of every shop ends. Servers that are measured continue
// from there, whatever the day is.
var End = time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)

// Start is a year before.
var Start = End.AddDate(-1, 0, 0)

// HoldDays and CommissionPercent are the terms of the program.
const (
	HoldDays          = 30
	CommissionPercent = 20
)

// Hot is how many affiliates earn in two currencies. They are the newest, so that
// they fill the first pages of a list.
const Hot = 100

// A Size says how large a shop is.
type Size struct{ Affiliates, Customers, Conversions int }

// A World is one shop. Affiliates are numbered by their rank, 0 being the one who
// refers most, and were created from the last rank to the first. Customers are numbered
// in the order of their creation.
type World struct {
	Size
	Seed        uint64
	affiliateOf []int32
}

// Nobody stands for no affiliate.
const Nobody = -1

// New invents a shop.
func New(seed uint64, size Size) *World {
	w := &World{Size: size, Seed: seed, affiliateOf: make([]int32, size.Customers)}
	r := rand.New(rand.NewPCG(seed, 1))
	ranks := zipf(r, size.Affiliates)
	for i := range w.affiliateOf {
		w.affiliateOf[i] = int32(ranks.Uint64())
		if r.IntN(100) < 3 {
			w.affiliateOf[i] = Nobody
		}
	}
	return w
}

func zipf(r *rand.Rand, n int) *rand.Zipf { return rand.NewZipf(r, 1.1, 8, uint64(n-1)) }

// AffiliateOf returns the rank of the affiliate who referred a customer, or Nobody.
func (w *World) AffiliateOf(customer int) int { return int(w.affiliateOf[customer]) }

// JoinedAt is when a customer was created: all were in the first week of the year,
// before their first purchase.
func (w *World) JoinedAt(customer int) time.Time {
	return Start.Add(7 * 24 * time.Hour * time.Duration(customer) / time.Duration(w.Customers))
}

// AppliedAt is when an affiliate was created, in the week before the year.
func (w *World) AppliedAt(rank int) time.Time {
	return Start.Add(-7 * 24 * time.Hour * time.Duration(rank+1) / time.Duration(w.Affiliates))
}

// AffiliateEmail names an affiliate.
func AffiliateEmail(rank int) string { return "affiliate" + strconv.Itoa(rank) + "@example.com" }

// Code is an affiliate's referral code.
func Code(rank int) string { return "PARTNER-" + strconv.Itoa(rank) }

// CustomerEmail names a customer.
func CustomerEmail(customer int) string { return "customer" + strconv.Itoa(customer) + "@example.com" }

// A Purchase is something that a customer buys.
type Purchase struct {
	Customer int // an unknown one if it equals World.Customers
	Code     int // the rank of the affiliate whose code came with it, or Nobody
	Currency string
	Base     int64 // minor units, in a currency with two digits
	credited int
}

// Credited returns the rank of the affiliate who gets the commission, or Nobody: the
// customer's affiliate, otherwise the code's.
func (p Purchase) Credited() int { return p.credited }

// Commission returns what it earns, rounded to a whole minor unit.
func (p Purchase) Commission() int64 { return (p.Base*CommissionPercent + 50) / 100 }

// A Shopper draws purchases, different ones in each stream of a world.
type Shopper struct {
	world     *World
	rand      *rand.Rand
	customers *rand.Zipf
	codes     *rand.Zipf
	newcomers int // of 100
}

// Shopper makes a stream in which newcomers of 100 customers are new ones.
func (w *World) Shopper(stream uint64, newcomers int) *Shopper {
	r := rand.New(rand.NewPCG(w.Seed, 2+stream))
	return &Shopper{world: w, rand: r, customers: zipf(r, w.Customers), codes: zipf(r, w.Affiliates), newcomers: newcomers}
}

// Draw returns the next purchase.
func (s *Shopper) Draw() Purchase {
	w := s.world
	p := Purchase{Customer: w.spread(int(s.customers.Uint64())), Code: int(s.codes.Uint64())}
	switch n := s.rand.IntN(100); {
	case n < s.newcomers:
		p.Customer = w.Customers
	case n < s.newcomers+10 || w.AffiliateOf(p.Customer) == Nobody:
		p.Code = Nobody // even of those who came on their own
	}
	p.credited = p.Code
	if p.Customer < w.Customers {
		p.credited = w.AffiliateOf(p.Customer)
	}
	p.Currency = s.currency(p.credited)
	p.Base = 500 + s.rand.Int64N(2000)*10 + 9
	return p
}

// currency: hot affiliates sell in two currencies, and one in ten of the others in a
// third.
func (s *Shopper) currency(rank int) string {
	switch {
	case rank == Nobody:
		return "USD"
	case rank < Hot && s.rand.IntN(3) == 0:
		return "EUR"
	case rank >= Hot && rank%10 == 0:
		return "GBP"
	}
	return "USD"
}

// spread scatters the customers who buy most over all of them.
func (w *World) spread(rank int) int { return int(uint64(rank) * 2654435761 % uint64(w.Customers)) }

// RecordID returns the id of a record of a kind in PocketBase: 15 letters and digits
// that look random, as its own do.
func RecordID(kind byte, n int) string {
	x := uint64(n) + uint64(kind)<<48
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // the finalizer of splitmix64, which never yields a number twice
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return fmt.Sprintf("%c%014s", kind, strconv.FormatUint(x, 36))
}
