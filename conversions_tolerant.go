package refgrow

import (
	"slices"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/form"
)

// tidy makes what is usable of the fields that a sale is recorded without, and notes
// what is not.
func (params *RecordConversionParams) tidy() error {
	params.notes = nil
	for _, field := range params.LeftOut {
		if !attribution.Tolerant(field) {
			return invalid("left_out", "must be of referral_code, coupon_code_used, email, external_id, product and url")
		}
		params.leftOut(field)
	}
	params.CouponCode, params.couponCut = params.code("coupon_code_used", params.CouponCode)
	sent := form.Clean(form.Trim(params.ReferralCode))
	params.ReferralCode, _ = params.code("referral_code", params.ReferralCode)
	if params.codes = params.ReferralCode; sent != "" && form.CodeList(sent) == nil {
		params.codes = sent
	}
	params.Product, _ = params.code("product", params.Product)
	trimmed := form.Trim(params.URL)
	params.URL = params.kept("url", trimmed, form.Cut(form.WithoutUser(form.Clean(trimmed)), form.MaxURL))
	trimmed = form.Trim(params.Customer.ExternalID)
	id := form.Clean(trimmed)
	if utf8.RuneCountInString(id) > form.MaxText { // its beginning may be somebody else's
		id = ""
	}
	params.Customer.ExternalID = params.kept("external_id", trimmed, id)
	trimmed = form.Trim(params.Customer.Email)
	if params.Customer.Email = ""; trimmed == "" {
		return nil
	}
	email, unusable := form.CustomerEmail(params.kept("email", trimmed, form.Clean(trimmed)))
	if unusable != nil {
		params.notes = append(params.notes, attribution.Note{Code: attribution.EmailUnusable, Field: "email"})
	}
	params.Customer.Email = email
	return nil
}

// code makes what is usable of a code or a product. Of one that is too long the
// beginning is recorded.
func (params *RecordConversionParams) code(field, text string) (code string, cut bool) {
	text = form.Trim(text)
	code = form.First(form.Clean(text), form.MaxText)
	return params.kept(field, text, code), len(code) < len(form.Clean(text))
}

// kept is what is kept of a field, which is noted if it is not all of it.
func (params *RecordConversionParams) kept(field, of, kept string) string {
	if kept != of {
		params.leftOut(field)
	}
	return kept
}

func (params *RecordConversionParams) leftOut(field string) {
	note := attribution.Note{Code: attribution.LeftOut, Field: field}
	if !slices.Contains(params.notes, note) {
		params.notes = append(params.notes, note)
	}
}
