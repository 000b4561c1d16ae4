package backend

import (
	"reflect"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A column that is added to the totals must be added up too.
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

func TestTxForgetsTakenTotals(t *testing.T) {
	var tx Tx
	tx.Add(db.AddTotalsParams{ProjectID: 1, SignupsPaid: 2})
	tx.Add(db.AddTotalsParams{ProjectID: 1, SignupsPaid: 3, LastStamp: 9})
	tx.Add(db.AddTotalsParams{ProjectID: 2, CouponsActive: 1})
	taken := tx.TakeTotals()
	if len(taken) != 2 || taken[1].SignupsPaid != 5 || taken[1].LastStamp != 9 || taken[2].CouponsActive != 1 {
		t.Errorf("took %+v", taken)
	}
	if again := tx.TakeTotals(); len(again) != 0 {
		t.Errorf("took %+v twice", again)
	}
}
