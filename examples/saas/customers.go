package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

// A customer is somebody with an account.
type customer struct {
	ID          int64
	Email       string
	AffiliateID int64 // 0 unless the customer is a partner
}

// named is how the affiliate program knows the customer.
func (c *customer) named() refgrow.Customer {
	return refgrow.Customer{ExternalID: strconv.FormatInt(c.ID, 10), Email: c.Email}
}

const (
	sessionCookie = "session"
	sessionDays   = 30
	shortest      = 8 // password
)

func (s *shop) signUp(w http.ResponseWriter, r *http.Request, visitor *customer) error {
	c, err := s.addCustomer(r.Context(), emailOf(r), r.PostFormValue("password"))
	if err != nil {
		return s.showAgain(w, r, "signup", visitor, err)
	}
	return s.begin(w, r, c.ID, "/")
}

// emailOf is the email of a form, in the one way of writing it that accounts have: what
// is one email for the affiliate program must be one account here.
func emailOf(r *http.Request) string {
	return strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))
}

// addCustomer makes an account and records the signup. A real shop would also send a
// mail, to see that the address belongs to whoever signs up with it.
func (s *shop) addCustomer(ctx context.Context, email, password string) (*customer, error) {
	// The affiliate program records a signup with any email, so that none is lost: what an
	// account needs is the shop's own affair.
	if parsed, err := mail.ParseAddress(email); err != nil || parsed.Address != email {
		return nil, mistake("That is no email address.")
	}
	if len(password) < shortest {
		return nil, mistake("A password has at least " + strconv.Itoa(shortest) + " characters.")
	}
	salt := []byte(rand.Text())
	hash, err := s.hash(ctx, password, salt)
	if err != nil {
		return nil, err
	}
	c := &customer{Email: email}
	err = s.together(ctx, func(tx *sql.Tx, project *refgrow.Project) error {
		var others int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM customers WHERE email = ?", email).Scan(&others)
		if err != nil {
			return err
		}
		if others > 0 {
			return mistake("There is already an account with this email.")
		}
		added, err := tx.ExecContext(ctx, "INSERT INTO customers (email, salt, password) VALUES (?, ?, ?)",
			email, salt, hash)
		if err != nil {
			return err
		}
		if c.ID, err = added.LastInsertId(); err != nil {
			return err
		}
		// Who referred the visitor is in the context, where the middleware put it.
		_, err = project.TrackSignup(ctx, refgrow.TrackSignupParams{
			Customer: c.named(), Reference: "signup-" + strconv.FormatInt(c.ID, 10),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *shop) logIn(w http.ResponseWriter, r *http.Request, visitor *customer) error {
	var id int64
	var salt, hash []byte
	err := s.db.QueryRowContext(r.Context(), "SELECT id, salt, password FROM customers WHERE email = ?",
		emailOf(r)).Scan(&id, &salt, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	// It takes as long for an email without an account.
	given, err := s.hash(r.Context(), r.PostFormValue("password"), salt)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(given, hash) == 0 {
		return s.showAgain(w, r, "login", visitor, mistake("The email or the password is wrong."))
	}
	return s.begin(w, r, id, "/account")
}

// hash makes guessing a password slow, even for somebody who has got the database. As
// it takes a while, only a few run at once: the others wait.
func (s *shop) hash(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return pbkdf2.Key(sha256.New, password, salt, 600_000, sha256.Size)
}

// begin begins a session and redirects.
func (s *shop) begin(w http.ResponseWriter, r *http.Request, id int64, to string) error {
	token := rand.Text()
	now := s.engine.Now()
	ends := now.AddDate(0, 0, sessionDays)
	err := s.together(r.Context(), func(tx *sql.Tx, _ *refgrow.Project) error {
		if _, err := tx.ExecContext(r.Context(), "DELETE FROM sessions WHERE ends_at <= ?", now.Unix()); err != nil {
			return err
		}
		_, err := tx.ExecContext(r.Context(), "INSERT INTO sessions (token, customer_id, ends_at) VALUES (?, ?, ?)",
			hashed(token), id, ends.Unix())
		return err
	})
	if err != nil {
		return err
	}
	setCookie(w, r, sessionCookie, token, sessionDays)
	return redirect(w, r, to)
}

func (s *shop) logOut(w http.ResponseWriter, r *http.Request, _ *customer) error {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		_, err := s.db.ExecContext(r.Context(), "DELETE FROM sessions WHERE token = ?", hashed(cookie.Value))
		if err != nil {
			return err
		}
	}
	endCookie(w, sessionCookie)
	return redirect(w, r, "/")
}

// visitor finds who is logged in, nil for nobody.
func (s *shop) visitor(r *http.Request) (*customer, error) {
	cookie, _ := r.Cookie(sessionCookie)
	if cookie == nil {
		return nil, nil
	}
	var c customer
	var affiliate sql.NullInt64
	err := s.db.QueryRowContext(r.Context(),
		`SELECT id, email, affiliate_id FROM sessions JOIN customers ON id = customer_id
		WHERE token = ? AND ends_at > ?`, hashed(cookie.Value), s.engine.Now().Unix()).Scan(&c.ID, &c.Email, &affiliate)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.AffiliateID = affiliate.Int64
	return &c, nil
}

// hashed is what the database keeps of a token: nobody can log in with it.
func hashed(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, days int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: days * int((24 * time.Hour).Seconds()),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

func endCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
}
