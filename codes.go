package refgrow

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
)

// claimCode makes a code or a slug lead to the affiliate. What it had before
// stays with it.
func (o *op) claimCode(ctx context.Context, field, text string, affiliate int64) error {
	_, err := o.InsertCode(ctx, db.InsertCodeParams{ProjectID: o.project, Code: fold(text), AffiliateID: affiliate})
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	owner, err := o.GetCodeOwner(ctx, db.GetCodeOwnerParams{ProjectID: o.project, Code: fold(text)})
	if err != nil || owner == affiliate {
		return err
	}
	return conflict(field, "leads to another affiliate already")
}

// codeAlphabet has no look-alikes. Its 32 letters divide a byte's values evenly.
const codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// generateCode finds a free referral code.
func (o *op) generateCode(ctx context.Context) (string, error) {
	for range 20 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		for i := range b {
			b[i] = codeAlphabet[int(b[i])%len(codeAlphabet)]
		}
		_, err := o.GetCodeOwner(ctx, db.GetCodeOwnerParams{ProjectID: o.project, Code: fold(string(b[:]))})
		if errors.Is(err, sql.ErrNoRows) {
			return string(b[:]), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("no free referral code found")
}
