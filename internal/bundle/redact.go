package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// withheldValue stands where a secret was.
const withheldValue = "[withheld]"

// redactCollection returns c without secrets, and the paths of what was taken
// out. c itself stays as it is; without secrets its bytes are handed on.
func redactCollection(c *memory.Collection) (*memory.Collection, []string, error) {
	return eachPart(c, redactor{})
}

// withoutWithheld returns c without the members that stand in for a secret: a
// placeholder must not become the key of a collection that is made anew.
func withoutWithheld(c *memory.Collection) (*memory.Collection, error) {
	clean, _, err := eachPart(c, redactor{drop: true})
	return clean, err
}

// eachPart lets r go over each JSON document of a collection.
func eachPart(c *memory.Collection, r redactor) (*memory.Collection, []string, error) {
	if c == nil {
		return nil, nil, nil
	}
	clean := *c
	var withheld []string
	for _, part := range []struct {
		name string
		json *memory.RawJSON
	}{{"metadata", &clean.Metadata}, {"schema", &clean.Schema}, {"configuration", &clean.Configuration}} {
		out, paths, err := r.document(*part.json, part.name)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s of collection %s: %w", part.name, c.Name, err)
		}
		*part.json = out
		withheld = append(withheld, paths...)
	}
	return &clean, withheld, nil
}

// redactLocator cuts what a locator should never hold.
func redactLocator(l memory.Locator) memory.Locator {
	l.Address, _ = cutUserInfo(l.Address)
	l.Path, _ = cutUserInfo(l.Path)
	return l
}

// document withholds the values under keys that name a secret and cuts the
// user-info of URLs. Order, numbers and everything else stay. It works on a copy
// of r.
func (r redactor) document(data []byte, path string) ([]byte, []string, error) {
	if len(data) == 0 {
		return data, nil, nil
	}
	if err := record.Valid(data); err != nil { // bounds the depth, too
		return nil, nil, err
	}
	r.dec = json.NewDecoder(bytes.NewReader(data))
	r.dec.UseNumber()
	if err := r.value(path); err != nil {
		return nil, nil, err
	}
	if len(r.withheld) == 0 {
		return data, nil, nil
	}
	return r.out.Bytes(), r.withheld, nil
}

type redactor struct {
	dec      *json.Decoder
	out      bytes.Buffer
	withheld []string
	drop     bool // leave out what was withheld before, instead of withholding
}

func (r *redactor) value(path string) error {
	token, err := r.dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return r.container(t, path)
	case string:
		cut, found := cutUserInfo(t)
		if found {
			r.withheld = append(r.withheld, path)
		}
		return r.print(cut)
	default:
		return r.print(t)
	}
}

func (r *redactor) container(open json.Delim, path string) error {
	r.out.WriteByte(byte(open))
	first := r.out.Len()
	for i := 0; r.dec.More(); i++ {
		var err error
		if open == '{' {
			err = r.member(path, first)
		} else {
			r.comma(first)
			err = r.value(path + "." + strconv.Itoa(i))
		}
		if err != nil {
			return err
		}
	}
	end, err := r.dec.Token()
	if err != nil {
		return err
	}
	if delim, ok := end.(json.Delim); ok {
		r.out.WriteByte(byte(delim))
	}
	return nil
}

// comma separates a value from the one before, if there is one.
func (r *redactor) comma(first int) {
	if r.out.Len() > first {
		r.out.WriteByte(',')
	}
}

func (r *redactor) member(path string, first int) error {
	token, err := r.dec.Token()
	if err != nil {
		return err
	}
	key, _ := token.(string)
	path += "." + key
	if !namesSecret(key) {
		if err := r.key(key, first); err != nil {
			return err
		}
		return r.value(path)
	}
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return err
	}
	switch {
	case r.drop && string(raw) == `"`+withheldValue+`"`:
		r.withheld = append(r.withheld, path)
		return nil
	case !r.drop && !holdsNoSecret(raw):
		r.withheld = append(r.withheld, path)
		raw = []byte(`"` + withheldValue + `"`)
	}
	err = r.key(key, first)
	r.out.Write(raw)
	return err
}

func (r *redactor) key(key string, first int) error {
	r.comma(first)
	err := r.print(key)
	r.out.WriteByte(':')
	return err
}

// holdsNoSecret is true of values that tell nothing: a switch, nothing at all,
// or what an earlier backup withheld.
func holdsNoSecret(raw []byte) bool {
	switch s := string(raw); s {
	case "null", "true", "false", `""`, `"` + withheldValue + `"`:
		return true
	}
	return false
}

func (r *redactor) print(v any) error {
	data, err := marshal(v)
	r.out.Write(data)
	return err
}

// namesSecret reports whether a key names a secret: its last word does, however
// it is spelt. "api_key_env_var" and "max_tokens" don't.
func namesSecret(key string) bool {
	plain := strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(strings.ToLower(key))
	return slices.ContainsFunc([]string{
		"apikey", "token", "secret", "password", "passwd", "passphrase", "authorization",
		"credential", "credentials", "privatekey", "secretkey", "accesskey", "bearer",
	}, func(word string) bool { return strings.HasSuffix(plain, word) })
}

// cutUserInfo takes "user:password@" out of every URL in s.
func cutUserInfo(s string) (string, bool) {
	found := false
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return s, found
		}
		from += i + len("://")
		authority := s[from:]
		if end := strings.IndexAny(authority, "/?# \t\n\"'<>"); end >= 0 {
			authority = authority[:end]
		}
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			s, found = s[:from]+s[from+at+1:], true
		}
	}
}
