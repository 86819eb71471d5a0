package guard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Token is the second factor: a random nonce, known only to who was shown the
// plan. The zero Token is none. It prints as "(token)": only Reveal shows it.
type Token struct {
	nonce [tokenSize]byte
}

// tokenSize is 160 bits: 32 characters with no padding.
const tokenSize = 20

func tokenText() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func newToken(random io.Reader) (Token, error) {
	var t Token
	if _, err := io.ReadFull(random, t.nonce[:]); err != nil {
		return Token{}, fmt.Errorf("make token: %w", err)
	}
	if t.IsZero() {
		return Token{}, fmt.Errorf("make token: the source of chance gives zeros")
	}
	return t, nil
}

// ParseToken reads what Reveal gave. ErrTokenMalformed for all else: there is
// one spelling.
func ParseToken(text string) (Token, error) {
	var t Token
	nonce, err := tokenText().DecodeString(text)
	if err != nil || len(nonce) != tokenSize || tokenText().EncodeToString(nonce) != text {
		return Token{}, ErrTokenMalformed
	}
	copy(t.nonce[:], nonce)
	if t.IsZero() {
		return Token{}, ErrTokenMalformed
	}
	return t, nil
}

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t == Token{} }

// Reveal returns the text to hand to the operator, 32 lower case letters and digits.
func (t Token) Reveal() string { return tokenText().EncodeToString(t.nonce[:]) }

// String hides the token from logs and messages.
func (t Token) String() string { return "(token)" }

// GoString hides it from %#v.
func (t Token) GoString() string { return t.String() }

// LogValue hides it from slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// id is what the ledger knows the token by. It doesn't give the token away.
func (t Token) id() string { return digest("token", string(t.nonce[:])) }

// seal binds body to the token: who has only the ledger can't make another body.
func (t Token) seal(body []byte) string {
	mac := hmac.New(sha256.New, t.nonce[:])
	mac.Write([]byte("keepsake agreement\n"))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (t Token) sealed(body []byte, seal string) bool {
	return hmac.Equal([]byte(t.seal(body)), []byte(seal))
}

// digest hashes parts so that no two lists of parts look alike.
func digest(parts ...string) string {
	text := []byte("keepsake guard\n")
	for _, part := range parts {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(text, ':'), part...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
