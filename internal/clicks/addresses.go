package clicks

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"hash"
	"net/netip"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A hasher turns addresses into what is stored of them: hashes with a random key for
// each UTC day, which reveal nothing once the key is deleted.
type hasher struct {
	tx    *backend.Tx
	today int64 // the day of the operation
}

// hashes returns an address as it is stored on the day of a visit, and as it would have
// been stored on the day before if that is within the window. Both are nil without an
// address, and each is nil without a key.
func (h hasher) hashes(ctx context.Context, address netip.Addr, at int64) (now, before *int64, err error) {
	if !address.IsValid() {
		return nil, nil, nil
	}
	if now, err = h.hash(ctx, address, stored.DayOf(at)); err != nil {
		return nil, nil, err
	}
	if yesterday := stored.DayOf(at - window); yesterday != stored.DayOf(at) {
		before, err = h.hash(ctx, address, yesterday)
	}
	return now, before, err
}

// visitor is what one visitor's addresses have in common: the first 64 bits of IPv6,
// because a visitor has all addresses behind them.
func visitor(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if prefix, err := address.Prefix(64); err == nil && address.Is6() {
		return prefix.Addr()
	}
	return address
}

// A keyedDay is the key of a day's keyed hash in a transaction's memo.
type keyedDay int64

func (h hasher) hash(ctx context.Context, address netip.Addr, day int64) (*int64, error) {
	keyed, ok := h.tx.Memo[keyedDay(day)].(hash.Hash)
	if !ok {
		key, err := h.key(ctx, day)
		if err != nil || key == nil {
			return nil, err
		}
		keyed = hmac.New(sha256.New, key)
		h.tx.Memo[keyedDay(day)] = keyed
	}
	keyed.Reset()
	bytes := visitor(address).As16()
	keyed.Write(bytes[:])
	return new(int64(binary.BigEndian.Uint64(keyed.Sum(nil)))), nil //nolint:gosec // any 64 bits will do
}

// key returns the key of a day, nil if it was already deleted. The first call that
// needs a day's key makes it, and deletes those from before yesterday.
func (h hasher) key(ctx context.Context, day int64) ([]byte, error) {
	key, err := h.tx.GetAddressKey(ctx, day)
	switch {
	case !errors.Is(err, sql.ErrNoRows):
		return key, err
	case day < h.today-1:
		return nil, nil
	}
	key = make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if err := h.tx.InsertAddressKey(ctx, db.InsertAddressKeyParams{Day: day, Key: key}); err != nil {
		return nil, err
	}
	// Writers of other projects may do the same at the same time: the first key counts.
	if key, err = h.tx.GetAddressKey(ctx, day); err != nil {
		return nil, err
	}
	return key, forgetKeys(ctx, h.tx, h.today)
}

// forgetKeys deletes the keys from before yesterday. They are overwritten first,
// because what is deleted stays in the file for a while.
func forgetKeys(ctx context.Context, q db.Querier, today int64) error {
	if err := q.OverwriteAddressKeys(ctx, today-1); err != nil {
		return err
	}
	return q.DeleteAddressKeys(ctx, today-1)
}
