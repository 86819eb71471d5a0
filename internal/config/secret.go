package config

import "log/slog"

// Secret is a token. It prints as "set (withheld)" whichever way it is printed;
// only Reveal gives it away. The zero Secret is not set.
type Secret struct {
	// reveal is a func because no printer and no encoder looks into one.
	reveal func() string
}

// NewSecret returns a secret of text, the zero Secret when it is empty.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// IsSet reports whether there is a secret.
func (s Secret) IsSet() bool { return s.reveal != nil }

// Reveal returns the secret itself, "" when it is not set.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String says whether the secret is set.
func (s Secret) String() string {
	if s.IsSet() {
		return "set (withheld)"
	}
	return "not set"
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
