package main

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

//go:embed pages
var files embed.FS

// A shop is the app.
type shop struct {
	db      *sql.DB
	engine  *refgrow.Engine
	project *refgrow.Project
	url     string // where visitors find it
	pages   map[string]*template.Template
	hashing chan struct{} // has room for as many passwords as may be hashed at once
}

func newShop(ctx context.Context, db *sql.DB, engine *refgrow.Engine, url string) (*shop, error) {
	project, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{
		Commission: refgrow.Percent("20"),
		// As long as a customer may want the money back, nothing is paid out.
		HoldDays:   refundDays,
		LandingURL: "/", // where /r/JANE leads
	})
	if err != nil {
		return nil, err
	}
	// The tour's script sends its clicks from there.
	if _, err := project.UpdateSettings(ctx, refgrow.UpdateSettingsParams{AllowedOrigins: &[]string{url}}); err != nil {
		return nil, err
	}
	s := &shop{
		db: db, engine: engine, project: project, url: url,
		pages: make(map[string]*template.Template), hashing: make(chan struct{}, 2),
	}
	layout, err := template.ParseFS(files, "pages/layout.html")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"home", "signup", "login", "account", "tour", "message"} {
		page, err := layout.Clone()
		if err != nil {
			return nil, err
		}
		if s.pages[name], err = page.ParseFS(files, "pages/"+name+".html"); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *shop) handler() http.Handler {
	pages := http.NewServeMux()
	pages.Handle("GET /{$}", s.page("home"))
	pages.Handle("GET /signup", s.page("signup"))
	pages.Handle("POST /signup", s.answer(s.signUp))
	pages.Handle("GET /login", s.page("login"))
	pages.Handle("POST /login", s.answer(s.logIn))
	pages.Handle("POST /logout", s.answer(s.logOut))
	pages.Handle("POST /consent", s.answer(s.choose))
	pages.Handle("POST /orders", s.members(s.buy))
	pages.Handle("GET /account", s.members(s.account))
	pages.Handle("POST /orders/{id}/refund", s.members(s.refund))
	pages.Handle("POST /partner", s.members(s.join))
	pages.Handle("GET /style.css", s.file("style.css"))
	pages.Handle("GET /icon.svg", s.file("icon.svg"))
	pages.Handle("GET /", s.answer(s.notFound))

	// This one line is what makes links count.
	options := tracking.Options{Consent: consents}
	tracked := tracking.Middleware(s.project, options)

	// No other site may send the shop's forms.
	guarded := http.NewCrossOriginProtection().Handler(pages)

	site := http.NewServeMux()
	site.Handle("/", tracked(guarded))
	// The tour stands for a page that no code of the app serves, such as a file on
	// another server: there the script does what the middleware does for the other
	// pages.
	site.Handle("GET /tour", s.page("tour"))
	tracking.Register(site, s.project, options)
	return strict(http.MaxBytesHandler(site, 64<<10))
}

// strict lets a page use nothing but what the shop itself serves.
func strict(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// A handler answers a request; visitor is who is logged in, or nil.
type handler func(w http.ResponseWriter, r *http.Request, visitor *customer) error

// answer lets a handler answer, and shows what went wrong.
func (s *shop) answer(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visitor, err := s.visitor(r)
		if err == nil {
			err = handle(w, r, visitor)
		}
		if err == nil {
			return
		}
		slog.ErrorContext(r.Context(), "a request failed", "path", r.URL.Path, "error", err)
		v := view{Title: "Something went wrong", Complaint: "It is not your fault. Please try again."}
		if err := s.render(w, r, http.StatusInternalServerError, "message", v); err != nil {
			http.Error(w, v.Title, http.StatusInternalServerError)
		}
	})
}

// members is answer for those who are logged in.
func (s *shop) members(handle handler) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request, visitor *customer) error {
		if visitor == nil {
			return redirect(w, r, "/login")
		}
		return handle(w, r, visitor)
	})
}

// page shows a page that everybody may see.
func (s *shop) page(name string) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request, visitor *customer) error {
		return s.show(w, r, name, visitor)
	})
}

func (s *shop) notFound(w http.ResponseWriter, r *http.Request, visitor *customer) error {
	return s.render(w, r, http.StatusNotFound, "message", view{Visitor: visitor, Title: "There is no such page"})
}

func (s *shop) account(w http.ResponseWriter, r *http.Request, visitor *customer) error {
	return s.show(w, r, "account", visitor)
}

// A view is what pages are made of.
type view struct {
	Visitor   *customer
	Title     string
	Complaint string     // what the visitor has to correct
	Sent      url.Values // what was in the form that has to be corrected
	Choice    string     // the visitor's, about being tracked
	Tracked   bool
	Partner   string // the code of the link that the visitor came by
	Products  []product
	Order     string // the id that the next order will have
	Account   *account
}

func (s *shop) show(w http.ResponseWriter, r *http.Request, name string, visitor *customer) error {
	return s.showAgain(w, r, name, visitor, nil)
}

// showAgain shows a form once more, with what is wrong with it. It returns an error
// that the visitor cannot correct.
func (s *shop) showAgain(w http.ResponseWriter, r *http.Request, name string, visitor *customer, wrong error) error {
	v := view{Visitor: visitor, Sent: r.PostForm}
	status := http.StatusOK
	if wrong != nil {
		if v.Complaint = complaint(wrong); v.Complaint == "" {
			return wrong
		}
		status = http.StatusUnprocessableEntity
	}
	switch name {
	case "home":
		v.Products, v.Order = products(), newOrderID()
	case "account":
		var err error
		if v.Account, err = s.readAccount(r.Context(), visitor); err != nil {
			return err
		}
	}
	return s.render(w, r, status, name, v)
}

func (s *shop) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) error {
	v.Choice, v.Tracked, v.Partner = choice(r), consents(r), tracking.FromRequest(r).ReferralCode
	var text bytes.Buffer
	if err := s.pages[name].Execute(&text, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // pages say who is logged in
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // nobody is left to tell
	return nil
}

func (s *shop) file(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "pages/"+name)
	})
}

// redirect goes on after a form, so that reloading the page does not send it again.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// A mistake is for the visitor to correct.
type mistake string

func (m mistake) Error() string { return string(m) }

// complaint tells the visitor what is wrong, or is "" if there is nothing to correct.
func complaint(err error) string {
	if own, ok := errors.AsType[mistake](err); ok {
		return string(own)
	}
	if own, ok := errors.AsType[*refgrow.Error](err); ok &&
		(errors.Is(err, refgrow.ErrInvalid) || errors.Is(err, refgrow.ErrConflict)) {
		return own.Error()
	}
	return ""
}
