package config

import "strconv"

// SourceKind is a place that values come from.
type SourceKind string

// The kinds of source, strongest first.
const (
	FromFlag        SourceKind = "flag"
	FromEnvironment SourceKind = "environment"
	FromFile        SourceKind = "file"
	FromDetection   SourceKind = "detected"
	FromPreset      SourceKind = "preset"
	FromDefault     SourceKind = "default"
)

// Source says where a value came from. The zero Source is of no value.
type Source struct {
	Kind SourceKind
	// Name is the flag without dashes, the environment's name, the path of the
	// file, what was detected, or the preset.
	Name string
	// Line and Column count from 1, in a file; 0 is the whole file.
	Line, Column int
	// others are further sources of a value that is put together from several.
	others string
}

// String returns the source as a person reads it: "flag --data-dir",
// "environment NEO_BACKUP_PATH", "file /srv/keepsake.yaml:3", "preset neo".
func (s Source) String() string {
	return s.text(false) + s.others
}

func (s Source) text(column bool) string {
	name := s.Name
	if s.Kind == FromFlag {
		name = "--" + name
	}
	if s.Line > 0 {
		name += ":" + strconv.Itoa(s.Line)
	}
	if s.Line > 0 && column {
		name += ":" + strconv.Itoa(s.Column)
	}
	if name == "" {
		return string(s.Kind)
	}
	return string(s.Kind) + " " + name
}

// and returns the source of a value that t had a part in as well.
func (s Source) and(t Source) Source {
	if s == t || t.Kind == "" {
		return s
	}
	s.others += " + " + t.String()
	return s
}

// Value is a setting and where it came from.
type Value[T any] struct {
	V      T
	Source Source
}

// Error says what is wrong with one setting, and where it was given.
type Error struct {
	Source Source
	Err    error
	// Hint says what the operator can do about it.
	Hint string
}

// Error returns "read file /srv/keepsake.yaml:3:5: unknown key "stor"".
func (e *Error) Error() string { return "read " + e.Source.text(true) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
