package attribution

import (
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// SamePerson reports whether one of a customer's addresses leads to the mailbox of one
// of the affiliate's: its email, or an address that it is paid to. "" is no address.
func SamePerson(a *db.Affiliate, customer ...string) bool {
	for _, own := range [...]string{a.Email, stored.OrZero(a.PaypalEmail), stored.OrZero(a.WiseEmail)} {
		for _, address := range customer {
			if own != "" && address != "" && mailboxOf(own) == mailboxOf(address) {
				return true
			}
		}
	}
	return false
}

// A mailbox is what all addresses that lead to the same one have in common: in lower
// case, without a +tag, and at Gmail, which has two names and ignores dots, without dots.
type mailbox struct{ local, domain string }

func mailboxOf(address string) mailbox {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	if name, _, _ := strings.Cut(local, "+"); name != "" {
		local = name
	}
	switch domain {
	case "gmail.com", "googlemail.com":
		return mailbox{strings.ReplaceAll(local, ".", ""), "gmail.com"}
	}
	return mailbox{local, domain}
}
