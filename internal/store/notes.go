package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"keepsake/internal/memory"
)

// Note returns the text that keepsake wrote under key into the metadata of a
// collection, "" when there is none. What can't be decoded was not written by us.
func Note(metadata memory.RawJSON, key string) (text string) {
	var members map[string]memory.RawJSON
	_ = json.Unmarshal(metadata, &members)
	_ = json.Unmarshal(members[key], &text)
	return text
}

// WithoutNotes takes what keepsake wrote for itself out of a collection's metadata:
// it is no memory, so it neither leaves with a backup nor arrives with a restore.
// Metadata without it is not touched, to the byte; where nothing else is left, it is
// what it was before, none.
func WithoutNotes(metadata memory.RawJSON, keys ...string) memory.RawJSON {
	var members map[string]memory.RawJSON
	if json.Unmarshal(metadata, &members) != nil {
		return metadata
	}
	before := len(members)
	for _, key := range keys {
		delete(members, key)
	}
	switch len(members) {
	case before:
		return metadata
	case 0:
		return nil
	}
	rest, err := marshal(members)
	if err != nil {
		return nil // the members came from JSON, so this can't be
	}
	return rest
}

// WithNotes adds texts to a collection's metadata, an object, null or nil; "" adds
// none. Nothing at all stays nothing.
func WithNotes(metadata memory.RawJSON, notes map[string]string) (memory.RawJSON, error) {
	members := map[string]memory.RawJSON{}
	if len(metadata) > 0 && string(metadata) != "null" {
		if err := json.Unmarshal(metadata, &members); err != nil {
			return nil, fmt.Errorf("decode metadata of collection: %w", err)
		}
	}
	for key, text := range notes {
		if text == "" {
			continue
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		members[key] = quoted
	}
	if len(members) == 0 {
		return nil, nil
	}
	return marshal(members)
}

// marshal spells texts as they were: <, > and & are not escaped.
func marshal(members map[string]memory.RawJSON) (memory.RawJSON, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(members)
	return bytes.TrimSpace(b.Bytes()), err
}
