package chroma

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"keepsake/internal/record"
)

// keepable returns metadata as Chroma can keep it: without keys whose value is
// null (refused) or an empty array (dropped), with arrays of integers and floats
// as floats. All else stays the bytes that it was. Nothing at all is null.
func keepable(metadata []byte) ([]byte, error) {
	if !bytes.Contains(metadata, []byte("null")) && bytes.IndexByte(metadata, '[') < 0 {
		return metadata, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(metadata))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	before := len(values)
	maps.DeleteFunc(values, func(_ string, value any) bool {
		array, ok := value.([]any)
		return value == nil || ok && len(array) == 0
	})
	changed := before != len(values)
	for _, value := range values {
		if array, ok := value.([]any); ok {
			changed = alike(array) || changed
		}
	}
	if !changed {
		return metadata, nil
	}
	if len(values) == 0 {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(values); err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// alike makes floats of the integers in an array that also holds floats, and
// reports whether it did.
func alike(array []any) bool {
	integers, floats := 0, 0
	for _, value := range array {
		if n, ok := value.(json.Number); ok && isInteger(n) {
			integers++
		} else if ok {
			floats++
		}
	}
	if integers == 0 || floats == 0 {
		return false
	}
	for i, value := range array {
		if n, ok := value.(json.Number); ok && isInteger(n) {
			array[i] = n + ".0"
		}
	}
	return true
}

func isInteger(n json.Number) bool { return !strings.ContainsAny(string(n), ".eE") }

// sameMetadata compares metadata as typed values, as far as Chroma keeps them.
// Null and {} are the same to it.
func sameMetadata(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	a, errA := canonical(a)
	b, errB := canonical(b)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func canonical(metadata []byte) ([]byte, error) {
	kept, err := keepable(metadata)
	if err != nil || len(kept) == 0 {
		return []byte("null"), err
	}
	text, err := record.AppendCanonical(nil, kept)
	if string(text) == "{}" {
		return []byte("null"), err
	}
	return text, err
}
