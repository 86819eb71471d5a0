package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
)

// distinctKeys refuses a meta in which a key comes twice, be it in another case:
// encoding/json takes the last of them whatever its case, record.Lookup and other
// readers take one that is spelled right, and each would see another bundle. In a
// meta that isn't ours only the keys at the top are looked at.
func distinctKeys(meta []byte, ours bool) error {
	k := keys{text: meta}
	return k.value(ours, true)
}

// keys walks a JSON document that was parsed before, so that it need not look for
// mistakes: it steps over what is none of an object's keys.
type keys struct {
	text []byte
	at   int
}

// value walks one value. deep is false where only this object is looked at, and
// strict where its own keys aren't either.
func (k *keys) value(deep, strict bool) error {
	switch k.next() {
	case '{':
		return k.object(deep, strict)
	case '[':
		k.at++
		for k.next() != ']' {
			if err := k.value(deep, deep); err != nil {
				return err
			}
		}
		k.at++
	case '"':
		k.str()
	default:
		k.word()
	}
	return nil
}

// word steps over a number, true, false or null.
func (k *keys) word() {
	for ; k.at < len(k.text); k.at++ {
		switch k.text[k.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return
		}
	}
}

func (k *keys) object(deep, strict bool) error {
	var seen nameSet
	k.at++
	for k.next() != '}' {
		raw := k.str()
		inner := deep
		if strict {
			name, err := unquote(raw)
			if err != nil {
				return err
			}
			if !seen.add(name) {
				return fmt.Errorf("key %q comes twice", name)
			}
			inner = deep && !isFree(name)
		}
		if err := k.value(inner, inner); err != nil {
			return err
		}
	}
	k.at++
	return nil
}

// next steps over what stands between values, and returns what comes then; 0 at
// the end.
func (k *keys) next() byte {
	for ; k.at < len(k.text); k.at++ {
		switch c := k.text[k.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// str steps over a string and returns it with its quotes.
func (k *keys) str() []byte {
	from := k.at
	for k.at++; k.at < len(k.text) && k.text[k.at] != '"'; k.at++ {
		if k.text[k.at] == '\\' {
			k.at++
		}
	}
	k.at++
	return k.text[from:min(k.at, len(k.text))]
}

// unquote returns the name that a string spells. Without escapes it is a part of
// raw.
func unquote(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	var name string
	err := json.Unmarshal(raw, &name)
	return []byte(name), err
}

// nameSet is a set of names that differ in more than case, mostly few.
type nameSet struct {
	few  [][]byte
	many map[string]bool // folded
}

// add reports whether the name was not in the set.
func (s *nameSet) add(name []byte) bool {
	const few = 32
	if s.many == nil {
		for _, other := range s.few {
			if bytes.EqualFold(other, name) {
				return false
			}
		}
		if s.few = append(s.few, name); len(s.few) > few {
			s.many = make(map[string]bool)
			for _, n := range s.few {
				s.many[folded(n)] = true
			}
		}
		return true
	}
	key := folded(name)
	isNew := !s.many[key]
	s.many[key] = true
	return isNew
}

// folded returns the same name for all that differ in case only.
func folded(name []byte) string { return string(bytes.Map(fold, name)) }

// isFree knows the objects whose keys are somebody else's.
func isFree(name []byte) bool {
	switch string(name) {
	case "metadata", "schema", "configuration", "tags":
		return true
	}
	return false
}

// fold returns the same rune for all that differ in case only, as encoding/json
// compares keys.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
