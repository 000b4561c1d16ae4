package backend

import (
	"reflect"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A column that is added to the totals must be summed too.
func TestSumAddsEveryField(t *testing.T) {
	var one db.AddTotalsParams
	fields := reflect.ValueOf(&one).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetInt(int64(i + 1))
	}
	got := reflect.ValueOf(sum(one, one))
	for i := range got.NumField() {
		want := int64(2 * (i + 1))
		switch name := got.Type().Field(i).Name; name {
		case "ProjectID", "LastStamp": // names the project; is the later of two
			want = int64(i + 1)
		default:
		}
		if got.Field(i).Int() != want {
			t.Errorf("%s of twice %+v is %d, want %d", got.Type().Field(i).Name, one, got.Field(i).Int(), want)
		}
	}
}

// What several operations count on one day is written once.
func TestDaysAreSummed(t *testing.T) {
	var one, all Totals
	one.AddProjectDay(db.AddToProjectDayParams{
		ProjectID: 1, Day: 2, Currency: "USD", Clicks: 1, Signups: 2, Purchases: 3, Earned: 4,
	})
	one.AddProjectDay(db.AddToProjectDayParams{
		ProjectID: 1, Day: 2, Currency: "USD", Clicks: 10, Signups: 20, Purchases: 30, Earned: -40,
	})
	one.AddAffiliateDay(db.AddToAffiliateDayParams{
		ProjectID: 1, Day: 2, AffiliateID: 7, Currency: "USD", Clicks: 1, Signups: 2, Purchases: 3, Earned: 4,
	})
	all.Merge(one.Take())
	all.AddAffiliateDay(db.AddToAffiliateDayParams{
		ProjectID: 1, Day: 2, AffiliateID: 7, Currency: "USD", Clicks: 10, Signups: 20, Purchases: 30, Earned: -40,
	})
	all.AddAffiliateDay(db.AddToAffiliateDayParams{ProjectID: 1, Day: 3, AffiliateID: 7, Currency: "USD", Clicks: 5})
	if len(one.projectDays)+len(one.affiliateDays) != 0 {
		t.Errorf("what was taken is still there: %+v", one)
	}
	project := db.AddToProjectDayParams{
		ProjectID: 1, Day: 2, Currency: "USD", Clicks: 11, Signups: 22, Purchases: 33, Earned: -36,
	}
	if got := all.projectDays[projectDay{1, 2, "USD"}]; got != project || len(all.projectDays) != 1 {
		t.Errorf("the project's days are %+v", all.projectDays)
	}
	affiliate := db.AddToAffiliateDayParams{
		ProjectID: 1, Day: 2, AffiliateID: 7, Currency: "USD", Clicks: 11, Signups: 22, Purchases: 33, Earned: -36,
	}
	if got := all.affiliateDays[affiliateDay{projectDay{1, 2, "USD"}, 7}]; got != affiliate ||
		len(all.affiliateDays) != 2 {
		t.Errorf("the affiliates' days are %+v", all.affiliateDays)
	}
}

func TestTxForgetsTakenTotals(t *testing.T) {
	var tx Tx
	tx.Add(db.AddTotalsParams{ProjectID: 1, SignupsPaid: 2})
	tx.Add(db.AddTotalsParams{ProjectID: 1, SignupsPaid: 3, LastStamp: 9})
	tx.Add(db.AddTotalsParams{ProjectID: 2, CouponsActive: 1})
	taken := tx.Take().projects
	if len(taken) != 2 || taken[1].SignupsPaid != 5 || taken[1].LastStamp != 9 || taken[2].CouponsActive != 1 {
		t.Errorf("took %+v", taken)
	}
	if again := tx.Take().projects; len(again) != 0 {
		t.Errorf("took %+v twice", again)
	}
}
