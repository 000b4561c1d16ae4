package tracking_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"
)

// A visitor comes through a link, leaves, comes back without it, and signs up.
func ExampleMiddleware() {
	shop, end := exampleShop()
	defer end()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s was referred by %q\n", r.URL, tracking.FromRequest(r).ReferralCode)
	})
	mux.HandleFunc("POST /signup", func(w http.ResponseWriter, r *http.Request) {
		signup, err := shop.TrackSignup(r.Context(), refgrow.TrackSignupParams{
			Customer: refgrow.Customer{Email: r.FormValue("email")},
		})
		if err != nil {
			http.Error(w, "sorry", http.StatusInternalServerError)
			return
		}
		fmt.Println("the signup earned the affiliate", signup.Value)
	})
	server := httptest.NewServer(tracking.Middleware(shop, tracking.Options{})(mux))
	defer server.Close()

	jar, _ := cookiejar.New(nil)
	visitor := &http.Client{Jar: jar}
	for _, page := range []string{"/?ref=JANE", "/pricing"} {
		answer, err := visitor.Get(server.URL + page)
		if err != nil {
			log.Fatal(err)
		}
		answer.Body.Close()
	}
	answer, err := visitor.PostForm(server.URL+"/signup", url.Values{"email": {"carl@example.com"}})
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
	// Output:
	// /?ref=JANE was referred by "JANE"
	// /pricing was referred by "JANE"
	// the signup earned the affiliate 5.00 USD
}

// The redirect, the script and its endpoint alongside the pages of an app.
func ExampleRegister() {
	shop, end := exampleShop()
	defer end()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the home page") })
	tracking.Register(mux, shop, tracking.Options{})

	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	for _, link := range []string{"/r/JANE", "/r/JANE?to=/pricing", "/r/JANE?to=https://evil.example"} {
		fmt.Println(link, "leads to", get(link).Header().Get("Location"))
	}
	fmt.Println("the script is", get("/refgrow.js").Header().Get("Content-Type"))
	fmt.Println("this is", get("/").Body)
	// Output:
	// /r/JANE leads to https://shop.example.com/welcome?ref=JANE
	// /r/JANE?to=/pricing leads to https://shop.example.com/pricing?ref=JANE
	// /r/JANE?to=https://evil.example leads to https://shop.example.com/welcome?ref=JANE
	// the script is text/javascript; charset=utf-8
	// this is the home page
}

// Links at a path of one's own, on any router: all that it has to tell is the code.
func ExampleTracker_Redirect() {
	shop, end := exampleShop()
	defer end()
	tracker := tracking.New(shop, tracking.Options{})

	router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code, found := strings.CutPrefix(r.URL.Path, "/go/"); found {
			tracker.Redirect(w, r, code)
			return
		}
		http.NotFound(w, r)
	})
	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, httptest.NewRequest("GET", "/go/JANE?utm_source=newsletter", nil))
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	for _, cookie := range answer.Result().Cookies() {
		fmt.Println(cookie.Name, cookie.Value)
	}
	// Output:
	// 302 https://shop.example.com/welcome?utm_source=newsletter&ref=JANE
	// refgrow_ref_code JANE
}

// exampleShop is a program in which signups earn, with an affiliate.
func exampleShop() (shop *refgrow.Project, end func()) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "refgrow")
	if err != nil {
		log.Fatal(err)
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, "refgrow.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	engine, err := refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		log.Fatal(err)
	}
	shop, err = engine.CreateProject(ctx, "shop", refgrow.Settings{
		SignupCommission: refgrow.Fixed(money.MustParse("5.00 USD")), LandingURL: "https://shop.example.com/welcome",
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		log.Fatal(err)
	}
	return shop, func() {
		if err := errors.Join(engine.Close(ctx), db.Close(), os.RemoveAll(dir)); err != nil {
			log.Print(err)
		}
	}
}
