package guard_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// issue makes a token for anything.
func issue(t testing.TB, random io.Reader) guard.Token {
	t.Helper()
	b := newBench(t)
	token, _, err := b.Issue(random, agreement("", at(memory.KindGraph, "/etc/hosts")))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenRoundTrip(t *testing.T) {
	token := issue(t, rand.Reader)
	text := token.Reveal()
	if len(text) != 32 || strings.ToLower(text) != text {
		t.Errorf("Reveal() = %q, want 32 lower case characters", text)
	}
	got, err := guard.ParseToken(text)
	if err != nil || got != token {
		t.Errorf("ParseToken(Reveal()) = %v, %v", got == token, err)
	}
	if other := issue(t, rand.Reader); other == token {
		t.Error("two tokens are equal")
	}
}

func TestParseTokenRefuses(t *testing.T) {
	text := issue(t, rand.Reader).Reveal()
	for name, bad := range map[string]string{
		"empty": "", "short": text[1:], "long": text + "a", "upper case": strings.ToUpper(text), "newline": text + "\n",
		"newline within": text[:8] + "\n" + text[8:], "space": " " + text, "other letter": "1" + text[1:], "padded": text + "======",
		"zeros": strings.Repeat("a", 32), "one group short": text[:24],
	} {
		t.Run(name, func(t *testing.T) {
			got, err := guard.ParseToken(bad)
			if !errors.Is(err, guard.ErrTokenMalformed) || !got.IsZero() {
				t.Errorf("ParseToken(%q) = %v, want ErrTokenMalformed and no token", bad, err)
			}
		})
	}
}

// A token must not get into logs by being printed with something else.
func TestTokenHidesItself(t *testing.T) {
	token := issue(t, rand.Reader)
	c := guard.Confirmation{Token: token, Agreement: agreement("p", at(memory.KindGraph, ":memory:"))}
	req := guard.Request{Confirmation: c}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token, "confirmation", c)
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v %v", token, c), "%+v": fmt.Sprintf("%+v %+v", token, req), "%#v": fmt.Sprintf("%#v %#v", token, c),
		"%q": fmt.Sprintf("%q", token), "json": string(encoded), "slog": log.String(), "%x": fmt.Sprintf("%x", token),
	} {
		nonce := fmt.Sprintf("%d", token.Reveal()[0])
		if strings.Contains(text, token.Reveal()) {
			t.Errorf("%s shows the token", name)
		}
		if strings.Contains(text, "nonce") || (name == "%#v" && strings.Contains(text, "0x"+nonce)) {
			t.Errorf("%s shows the nonce: %s", name, text)
		}
	}
	if !strings.Contains(fmt.Sprintf("%v", token), "(token)") || !strings.Contains(fmt.Sprintf("%#v", token), "(token)") || !strings.Contains(log.String(), `"token":"(token)"`) {
		t.Error("a token doesn't print as (token)")
	}
}

func TestIssueRefuses(t *testing.T) {
	good := agreement("", at(memory.KindGraph, "/etc/hosts"), at(memory.KindGraph, "/etc/passwd"))
	for name, c := range map[string]struct {
		change func(b *bench, a *guard.Agreement)
		random io.Reader
		ground error
	}{
		"no clock":        {func(b *bench, _ *guard.Agreement) { b.Now = nil }, rand.Reader, guard.ErrNoRules},
		"no ledger":       {func(b *bench, _ *guard.Agreement) { b.Ledger = nil }, rand.Reader, guard.ErrNoRules},
		"no bundle":       {func(_ *bench, a *guard.Agreement) { a.Bundle = "" }, rand.Reader, nil},
		"no target":       {func(_ *bench, a *guard.Agreement) { a.Losses = nil }, rand.Reader, nil},
		"twice":           {func(_ *bench, a *guard.Agreement) { a.Losses = append(a.Losses, a.Losses[0]) }, rand.Reader, nil},
		"unknown target":  {func(_ *bench, a *guard.Agreement) { a.Losses[1].Target = at(memory.KindGraph, "x") }, rand.Reader, guard.ErrUnknownTarget},
		"zero target":     {func(_ *bench, a *guard.Agreement) { a.Losses[1].Target = guard.Target{} }, rand.Reader, guard.ErrUnknownTarget},
		"lost unknown":    {func(_ *bench, a *guard.Agreement) { a.Losses[1].Lost = -1 }, rand.Reader, nil},
		"changed unknown": {func(_ *bench, a *guard.Agreement) { a.Losses[1].Changed = -1 }, rand.Reader, nil},
		"no chance":       {func(*bench, *guard.Agreement) {}, iotest.ErrReader(errors.New("no entropy")), nil},
		"little chance":   {func(*bench, *guard.Agreement) {}, strings.NewReader("short"), io.ErrUnexpectedEOF},
		"zeros":           {func(*bench, *guard.Agreement) {}, bytes.NewReader(make([]byte, 64)), nil},
		"full disk":       {func(b *bench, _ *guard.Agreement) { b.Ledger = brokenLedger{} }, rand.Reader, errFull},
	} {
		t.Run(name, func(t *testing.T) {
			b, a := newBench(t), good
			a.Losses = append([]guard.Loss(nil), good.Losses...)
			c.change(b, &a)
			token, until, err := b.Issue(c.random, a)
			if err == nil || !token.IsZero() || !until.IsZero() {
				t.Fatalf("got %v, %v, want an error and no token", err, until)
			}
			if c.ground != nil && !errors.Is(err, c.ground) {
				t.Errorf("got %v, want %v", err, c.ground)
			}
		})
	}
	t.Run("nothing lost", func(t *testing.T) {
		a := agreement("", at(memory.KindGraph, "/etc/hosts"))
		a.Losses[0].Lost, a.Losses[0].Changed = 0, 0
		if _, _, err := newBench(t).Issue(rand.Reader, a); err != nil {
			t.Errorf("got %v, want a token", err)
		}
	})
}

var errFull = errors.New("no space left on device")

// brokenLedger can be neither written nor read.
type brokenLedger struct{}

func (brokenLedger) Create(string, []byte) error { return errFull }
func (brokenLedger) Read(string) ([]byte, error) { return nil, errFull }

// What is read writes back the same.
func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add("abcdefghijklmnopqrstuvwxyz234567")
	f.Add("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("abcdefgh\nijklmnopqrstuvwxyz234567")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := guard.ParseToken(text)
		if err != nil {
			if !token.IsZero() {
				t.Errorf("ParseToken(%q) = %v and a token", text, err)
			}
			return
		}
		if got := token.Reveal(); got != text {
			t.Errorf("ParseToken(%q).Reveal() = %q", text, got)
		}
	})
}
