package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// distinctKeys refuses a meta in which a key comes twice, be it in another case:
// encoding/json takes the last of them whatever its case, record.Lookup and other
// readers take one that is spelled right, and each would see another bundle. In a
// meta that isn't ours only the keys at the top are looked at.
func distinctKeys(meta []byte, ours bool) error {
	k := keys{dec: json.NewDecoder(bytes.NewReader(meta))}
	k.dec.UseNumber()
	return k.value(ours, true)
}

// keys walks a JSON document that was parsed before.
type keys struct{ dec *json.Decoder }

// value reads one value. deep is false where only this object is looked at, and
// strict where its own keys aren't either.
func (k *keys) value(deep, strict bool) error {
	token, err := k.dec.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for k.dec.More() {
		inner := deep
		if open == '{' {
			name, err := k.key(seen, strict)
			if err != nil {
				return err
			}
			inner = deep && !isFree(name)
		}
		if err := k.value(inner, inner); err != nil {
			return err
		}
	}
	_, err = k.dec.Token()
	return err
}

func (k *keys) key(seen map[string]bool, strict bool) (string, error) {
	token, err := k.dec.Token()
	if err != nil {
		return "", err
	}
	name, _ := token.(string)
	folded := strings.Map(fold, name)
	if strict && seen[folded] {
		return "", fmt.Errorf("key %q comes twice", name)
	}
	seen[folded] = true
	return name, nil
}

// isFree knows the objects whose keys are somebody else's.
func isFree(name string) bool {
	return slices.Contains([]string{"metadata", "schema", "configuration", "tags"}, name)
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
