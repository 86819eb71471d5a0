package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Ledger remembers the tokens that were issued and what became of them. It never
// sees a token, only hashes. Names are lower case letters, digits and "-".
type Ledger interface {
	// Create keeps value under name for good. It returns fs.ErrExist when the
	// name is taken, also when two ask at the same moment: that is what makes a
	// token good for one run.
	Create(name string, value []byte) error
	// Read returns fs.ErrNotExist when nothing was ever kept under name. Any
	// other error refuses.
	Read(name string) ([]byte, error)
}

// DirLedger is a Ledger in a folder: one small file a name, never rewritten.
type DirLedger struct {
	// Dir is made when it is first written to.
	Dir string
}

// Create writes a new file and syncs it and its folder.
func (d DirLedger) Create(name string, value []byte) error {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	return createFile(filepath.Join(d.Dir, name), value)
}

// Read returns the file's content.
func (d DirLedger) Read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(d.Dir, name))
}

// Names in the ledger. issued: what was agreed to, by token. begun: the plan
// that was started with a token. plan: the token of a plan. done: the plan is.
func issuedName(token string) string { return "issued-" + token }
func begunName(token string) string  { return "begun-" + token }
func planName(plan string) string    { return "plan-" + digest("plan", plan) }
func doneName(plan string) string    { return "done-" + digest("plan", plan) }

// envelope keeps the very bytes that the token sealed.
type envelope struct {
	Body json.RawMessage `json:"body"`
	Seal string          `json:"seal"`
}

// Issue makes a token for what a plan shows, and returns it with the last moment
// at which that plan can be started. random is crypto/rand's reader. It fails
// when a target is unknown or its rows were not counted.
func (r Rules) Issue(random io.Reader, a Agreement) (Token, time.Time, error) {
	if r.Now == nil || r.Ledger == nil {
		return Token{}, time.Time{}, fmt.Errorf("issue token: %w", ErrNoRules)
	}
	if err := a.check(); err != nil {
		return Token{}, time.Time{}, fmt.Errorf("issue token: %w", err)
	}
	t, err := newToken(random)
	if err != nil {
		return Token{}, time.Time{}, fmt.Errorf("issue token: %w", err)
	}
	rec := a.issue(r.Now())
	if err := r.keep(t, rec); err != nil {
		return Token{}, time.Time{}, fmt.Errorf("issue token: %w", err)
	}
	return t, rec.At.Add(tokenLife), nil
}

func (r Rules) keep(t Token, rec issued) error {
	body, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	text, _ := json.Marshal(envelope{Body: body, Seal: t.seal(body)}) // body is JSON, the seal hex
	return r.Ledger.Create(issuedName(t.id()), text)
}

// Finish says that the plan is done: its token opens nothing more. Twice is once.
func (r Rules) Finish(plan string) error {
	if r.Ledger == nil {
		return fmt.Errorf("finish plan: %w", ErrNoRules)
	}
	if err := r.Ledger.Create(doneName(plan), []byte(plan)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("finish plan: %w", err)
	}
	return nil
}

// ticket is a confirmation that was found good.
type ticket struct {
	token string // the token's id
	begun bool   // by this very plan
}

// examine returns a ticket when the confirmation is good for this operation on
// this target. It writes nothing.
func (r Rules) examine(op Operation, target Target, c Confirmation) (ticket, error) {
	a := c.Agreement
	if r.Ledger == nil || a.Plan == "" {
		return ticket{}, ErrNoToken
	}
	t, err := r.find(c)
	if err != nil {
		return ticket{}, err
	}
	rec, err := r.agreed(t.token, c.Token)
	if err != nil {
		return ticket{}, err
	}
	if err := a.check(); err != nil {
		return ticket{}, fmt.Errorf("%w: %w", ErrTokenOther, err)
	}
	if !op.within(a.Operation) || !a.names(target) {
		return ticket{}, fmt.Errorf("%w: not for %s of %s", ErrTokenOther, op, target)
	}
	if t.begun {
		return t, rec.finishes(a, target)
	}
	return t, rec.starts(a, r.Now())
}

// find tells which token it is, and whether this plan was begun with it. Without
// a token, the plan must have been.
func (r Rules) find(c Confirmation) (ticket, error) {
	plan := c.Agreement.Plan
	t := ticket{token: c.Token.id()}
	if c.Token.IsZero() {
		id, err := r.Ledger.Read(planName(plan))
		if err != nil {
			return ticket{}, absentMeans(ErrNoToken, err)
		}
		t.token = string(id)
	}
	if _, err := r.Ledger.Read(doneName(plan)); !errors.Is(err, fs.ErrNotExist) {
		return ticket{}, errors.Join(ErrTokenUsed, err)
	}
	begun, err := r.Ledger.Read(begunName(t.token))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !c.Token.IsZero():
		return t, nil
	case err != nil:
		return ticket{}, absentMeans(ErrNoToken, err)
	case string(begun) != plan:
		return ticket{}, ErrTokenUsed
	}
	t.begun = true
	return t, nil
}

// agreed reads what was agreed to under the token's id. With the token at hand
// it also proves that nobody has changed it since.
func (r Rules) agreed(id string, t Token) (issued, error) {
	text, err := r.Ledger.Read(issuedName(id))
	if err != nil {
		return issued{}, absentMeans(ErrTokenOther, err)
	}
	var e envelope
	var rec issued
	err = json.Unmarshal(text, &e)
	if err := errors.Join(err, json.Unmarshal(e.Body, &rec)); err != nil {
		return issued{}, fmt.Errorf("%w: read agreement: %w", ErrTokenOther, err)
	}
	if !t.IsZero() && !t.sealed(e.Body, e.Seal) {
		return issued{}, fmt.Errorf("%w: what was agreed to has been changed", ErrTokenOther)
	}
	if rec.Version != issuedVersion {
		return issued{}, fmt.Errorf("%w: it was made by another version of keepsake", ErrTokenOther)
	}
	return rec, nil
}

// absentMeans says why nothing was found, or why nothing could be read.
func absentMeans(ground, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ground
	}
	return fmt.Errorf("%w: read ledger: %w", ground, err)
}

// begin writes down which plan the token was used for, before any permit of that
// plan. Of two that try, one gets it.
func (r Rules) begin(t ticket, plan string) error {
	if !t.begun {
		if err := r.Ledger.Create(begunName(t.token), []byte(plan)); err != nil {
			return absentOrUsed(err)
		}
	}
	// After a crash between the two, the same command with its token mends it.
	if err := r.Ledger.Create(planName(plan), []byte(t.token)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: write ledger: %w", ErrNoToken, err)
	}
	return nil
}

func absentOrUsed(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return ErrTokenUsed
	}
	return fmt.Errorf("%w: write ledger: %w", ErrNoToken, err)
}
