package refgrow

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
)

// registerCode makes a code or a slug lead to the affiliate, which keeps its former
// ones.
func (o *op) registerCode(ctx context.Context, field, text string, affiliate int64) error {
	if err := o.codeIsFree(ctx, field, erasure.ReferralCode, text); err != nil {
		return err
	}
	_, err := o.InsertCode(ctx, db.InsertCodeParams{ProjectID: o.project, Code: form.Fold(text), AffiliateID: affiliate})
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	owner, err := o.GetCodeOwner(ctx, db.GetCodeOwnerParams{ProjectID: o.project, Code: form.Fold(text)})
	if err != nil || owner == affiliate {
		return err
	}
	return taken(owner, field, "already leads to another affiliate")
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
		_, err := o.GetCodeOwner(ctx, db.GetCodeOwnerParams{ProjectID: o.project, Code: form.Fold(string(b[:]))})
		if errors.Is(err, sql.ErrNoRows) && o.codeIsFree(ctx, "", erasure.ReferralCode, string(b[:])) == nil {
			return string(b[:]), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("no free referral code found")
}
