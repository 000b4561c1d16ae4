package money

import "strings"

// Currency is an ISO 4217 code in capitals, such as "USD". The zero value "" means
// none. Text from outside becomes a Currency through ParseCurrency; a constant may be
// written out.
type Currency string

// Some common currencies. The others are written as constants ("CHF") or come from
// ParseCurrency.
const (
	EUR Currency = "EUR"
	GBP Currency = "GBP"
	JPY Currency = "JPY"
	USD Currency = "USD"
)

// maxPlaces is the largest Exponent of any currency.
const maxPlaces = 4

// ParseCurrency reads three ASCII letters in any case as a currency of ISO 4217's list
// one that has minor units. Everything else is ErrCurrency: withdrawn codes, and codes
// without minor units such as XAU (gold), XDR or XXX.
func ParseCurrency(text string) (Currency, error) {
	if !threeLetters(text) {
		return "", fail(ErrCurrency, "%.16q is not a currency; write the three letters of ISO 4217, such as USD", text)
	}
	// Safe on ASCII only: beyond it, ToUpper maps other letters onto these, such as the
	// dotless i.
	c := Currency(strings.ToUpper(text))
	if _, listed := c.minorUnits(); listed {
		return c, nil
	}
	switch c {
	case "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX":
		return "", fail(ErrCurrency,
			"%s has no minor unit, so amounts cannot be counted in it; use a currency such as USD", c)
	}
	return "", fail(ErrCurrency, "%s is not a current ISO 4217 currency; use one such as USD", c)
}

// threeLetters reports whether the text is three ASCII letters.
func threeLetters(text string) bool {
	if len(text) != 3 {
		return false
	}
	for i := range len(text) {
		if lower := text[i] | 0x20; lower < 'a' || lower > 'z' {
			return false
		}
	}
	return true
}

// Exponent returns the number of decimals of the currency's minor unit: 0 for JPY, 2
// for USD, 3 for KWD, 4 for CLF, and 0 for none. It panics on a code that ParseCurrency
// would refuse: a guess would show amounts a hundred times off.
func (c Currency) Exponent() int {
	if c == "" {
		return 0
	}
	places, listed := c.minorUnits()
	if !listed {
		panic("money: " + string(c) + " is not a currency of this package; text from outside goes through ParseCurrency")
	}
	return places
}

// String returns the code in capitals, and "" for none.
func (c Currency) String() string { return string(c) }

// UnmarshalText reads what ParseCurrency reads, and the empty text as none. Errors:
// ErrCurrency.
func (c *Currency) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = ""
		return nil
	}
	parsed, err := ParseCurrency(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// minorUnits is the table: the decimals of each currency and fund code of ISO 4217's
// list one as amended up to number 180, in force since 1 January 2026, without the
// codes whose minor unit is "N.A.". Withdrawn codes are not in it: HRK, ZWL, SLL, CUC,
// ANG (now XCG) and, since Bulgaria has the euro, BGN. A code that is withdrawn later
// stays here as long as a ledger may hold amounts in it. The decimals are those of ISO,
// not those of CLDR, which are about use in shops (IQD 0 there, 3 here).
//
// A switch rather than a map: it cannot be changed at run time, and needs no hash.
func (c Currency) minorUnits() (places int, listed bool) {
	switch c {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
		"VUV", "XAF", "XOF", "XPF":
		return 0, true
	case "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN",
		"BAM", "BBD", "BDT", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD",
		"CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP", "COU", "CRC", "CUP", "CVE", "CZK",
		"DKK", "DOP", "DZD",
		"EGP", "ERN", "ETB", "EUR",
		"FJD", "FKP",
		"GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD",
		"HKD", "HNL", "HTG", "HUF",
		"IDR", "ILS", "INR", "IRR",
		"JMD",
		"KES", "KGS", "KHR", "KPW", "KYD", "KZT",
		"LAK", "LBP", "LKR", "LRD", "LSL",
		"MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN",
		"NAD", "NGN", "NIO", "NOK", "NPR", "NZD",
		"PAB", "PEN", "PGK", "PHP", "PKR", "PLN",
		"QAR",
		"RON", "RSD", "RUB",
		"SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL",
		"THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS",
		"UAH", "USD", "USN", "UYU", "UZS",
		"VED", "VES",
		"WST",
		"XAD", "XCD", "XCG",
		"YER",
		"ZAR", "ZMW", "ZWG":
		return 2, true
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, true
	case "CLF", "UYW":
		return maxPlaces, true
	}
	return 0, false
}
