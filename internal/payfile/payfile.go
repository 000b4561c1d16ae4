// Package payfile says what a service that makes payments takes: which currencies, how
// many decimals an amount has there, how many payments fit in one file, and what the
// columns are. It moves no money, and knows affiliates by their preferences alone.
//
// The tables are facts about somebody else, so they name where and when they were read:
//
//   - PayPal, read on 30 November 2026. Columns, one currency a file and 5,000 payments:
//     "Send payouts from Payouts Web" (developer.paypal.com/docs/payouts/standard/payouts-web).
//     Currencies and their decimals: "Currency codes" of mass payments
//     (developer.paypal.com/docs/archive/mass-pay/integration-guide/currency-codes, of
//     17 August 2026). BRL and MYR are for accounts in Brazil and Malaysia.
//   - Wise, read on 30 November 2026. 1,000 transfers: "Everything you need to know about
//     the batch payments tool" (wise.com/us/blog/everything-about-batch-payments). The
//     templates and their columns: "How do I fill in my batch template?" (wise.com/help,
//     article 2663302) and files that others make for it. Currencies and whether they have
//     decimals: the answer of GET /v1/currencies (docs.wise.com), as the public client
//     wise_banking_api_client keeps it, without what is no current code of ISO 4217, and
//     without CUP, IRR, KPW, RUB and SYP, to whose countries Wise sends nothing. What
//     cannot be sent by email: "How can I send money to an email address?" (wise.com/help,
//     article 2932105).
package payfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/money"
)

// The formats, by the words for them.
const (
	PayPal    = "paypal"
	Wise      = "wise"       // by saved recipient
	WiseEmail = "wise_email" // by email
)

// A Payment is one line of a file, or is left out.
type Payment struct {
	Payout                                        int64
	Amount                                        money.Amount
	PayPalEmail, WiseAccount, WiseEmail, WiseName string
}

// A Service is what takes a file.
type Service struct {
	name    string
	codes   string // of the currencies, with blanks between them
	whole   string // of the currencies that have no decimals there
	columns []string
	line    func(p *Payment, amount string) []string
	// Rows is how many payments one file may have.
	Rows int
}

// For finds the service of a format.
func For(format string) (*Service, bool) {
	switch format {
	case PayPal:
		return &Service{
			name: "PayPal", codes: payPalCodes, whole: "HUF JPY TWD", line: payPalLine, Rows: 5000,
		}, true
	case Wise:
		return &Service{
			name: "Wise", codes: wiseCodes, whole: wiseWhole, line: wiseLine, Rows: 1000,
			columns: []string{
				"recipientId", "name", "recipientEmail", "sourceCurrency", "targetCurrency", "amountCurrency", "amount",
				"paymentReference",
			},
		}, true
	case WiseEmail:
		return &Service{
			name: "Wise by email", codes: without(wiseCodes, "BDT BWP CNY COP GHS LKR UAH"), whole: wiseWhole,
			line: wiseEmailLine, Rows: 1000,
			columns: []string{
				"name", "recipientEmail", "paymentReference", "receiverType", "amountCurrency", "amount", "sourceCurrency",
				"targetCurrency",
			},
		}, true
	}
	return nil, false
}

const (
	payPalCodes = "AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD"
	wiseCodes   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD " +
		"HKD HNL HTG HUF IDR ILS INR IQD ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD " +
		"MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG " +
		"QAR RON RSD RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SZL THB TJS TMT TND TOP TRY TTD TWD TZS " +
		"UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
	wiseWhole = "BIF CLP DJF GNF HUF IDR ISK JPY KES KMF KRW NPR PYG RWF UGX VND VUV XAF XOF XPF"
)

// maxPlaces is how many decimals the other currencies have at both services.
const maxPlaces = 2

func without(codes, those string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(codes), func(code string) bool {
		return strings.Contains(those, code)
	}), " ")
}

// Takes reports that a service takes a currency, or says which ones it does.
func (s *Service) Takes(currency money.Currency) error {
	if slices.Contains(s.Codes(), string(currency)) {
		return nil
	}
	return fmt.Errorf("%s does not take %s, but %s", s.name, currency, strings.Join(s.Codes(), ", "))
}

// Codes are the currencies that the service takes, in the order of the alphabet.
func (s *Service) Codes() []string { return strings.Fields(s.codes) }

// Columns is the line of a file before the payments, nil for none.
func (s *Service) Columns() []string { return s.columns }

// Line is a payment's line. It is nil where the affiliate lacks the preference that the
// service needs, and for an amount with more decimals than the currency has there.
func (s *Service) Line(p *Payment) []string {
	amount, fits := s.amount(p.Amount)
	if !fits {
		return nil
	}
	return s.line(p, amount)
}

// amount writes an amount as the service takes it. It rounds nothing.
func (s *Service) amount(a money.Amount) (text string, fits bool) {
	places := maxPlaces
	if strings.Contains(s.whole, string(a.Currency())) {
		places = 0
	}
	units, decimals, _ := strings.Cut(a.Decimal(), ".")
	kept := decimals[:min(places, len(decimals))]
	if strings.Trim(decimals[len(kept):], "0") != "" {
		return "", false
	}
	if kept == "" {
		return units, true
	}
	return units + "." + kept, true
}

func payPalLine(p *Payment, amount string) []string {
	email := safe(p.PayPalEmail)
	if email == "" {
		return nil
	}
	id := strconv.FormatInt(p.Payout, 10)
	return []string{email, amount, string(p.Amount.Currency()), "payout-" + id, "Affiliate payout " + id}
}

func wiseLine(p *Payment, amount string) []string {
	if AccountID(p.WiseAccount) != nil {
		return nil
	}
	currency := string(p.Amount.Currency())
	return []string{
		p.WiseAccount, safe(p.WiseName), safe(p.WiseEmail), currency, currency, "target", amount, reference(p),
	}
}

// wiseEmailLine has the email in place of a name that nobody gave: the template wants one,
// and the recipient confirms it.
func wiseEmailLine(p *Payment, amount string) []string {
	email := safe(p.WiseEmail)
	if email == "" {
		return nil
	}
	name := safe(p.WiseName)
	if name == "" {
		name = email
	}
	currency := string(p.Amount.Currency())
	return []string{name, email, reference(p), "PERSON", "target", amount, currency, currency}
}

func reference(p *Payment) string { return "Payout " + strconv.FormatInt(p.Payout, 10) }

// safe leaves out what a spreadsheet would take for a formula. The preferences refuse it as
// well, but a file of payments is no place to rely on that.
func safe(preference string) string {
	if form.Formula(preference) {
		return ""
	}
	return preference
}

// AccountID checks the id of a recipient at Wise: a positive integer, or a UUID.
func AccountID(text string) error {
	if !integer(text) && !uuid(text) {
		return errors.New("must be the id of a recipient at Wise: a positive integer such as 40000000, or a UUID")
	}
	return nil
}

func integer(text string) bool {
	id, err := strconv.ParseInt(text, 10, 64)
	return err == nil && id > 0 && text[0] != '0' && text[0] != '+'
}

func uuid(text string) bool {
	const hexadecimal = "0123456789abcdefABCDEF"
	parts := strings.Split(text, "-")
	lengths := [5]int{8, 4, 4, 4, 12}
	if len(parts) != len(lengths) {
		return false
	}
	for i, part := range parts {
		if len(part) != lengths[i] || strings.Trim(part, hexadecimal) != "" {
			return false
		}
	}
	return true
}
