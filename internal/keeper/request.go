package keeper

import (
	"encoding/json"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// Request is what a restore was asked for, kept with its plan so that a replace can
// be finished: what decides what is written, and nothing that confirms it. Bundle and
// Undoes are filled in.
type Request struct {
	Bundle          string                    `json:"bundle"`
	Undoes          string                    `json:"undoes,omitempty"` // folder of the restore that is taken back
	Only            []string                  `json:"only,omitempty"`
	As              map[memory.Section]string `json:"as,omitempty"`
	To              map[memory.Section]string `json:"to,omitempty"`
	FilterLabels    []string                  `json:"filterLabels,omitempty"`
	FilterEdgeTypes []string                  `json:"filterEdgeTypes,omitempty"`
	ForceTopology   bool                      `json:"forceTopology,omitempty"`
	ForceMemory     bool                      `json:"forceMemory,omitempty"`
	AllowEmpty      bool                      `json:"allowEmpty,omitempty"`
	Force           bool                      `json:"force,omitempty"`
	AcceptShrink    bool                      `json:"acceptShrink,omitempty"`
	AllowUnsealed   bool                      `json:"allowUnsealed,omitempty"`
	DegradedSafety  bool                      `json:"acceptDegradedSafety,omitempty"`
	NoSafety        bool                      `json:"noSafetyBundle,omitempty"`
	InPlace         bool                      `json:"inPlace,omitempty"`
}

func (r Request) encode() json.RawMessage {
	text, _ := json.Marshal(r) // strings and bools always marshal
	return text
}

func parseRequest(text json.RawMessage) (Request, error) {
	var r Request
	if len(text) == 0 {
		return r, nil // a merge of a version that kept none
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read what was asked for: %w", err)
	}
	return r, nil
}

// requestOf reads what a restore was asked for, from its plan.
func requestOf(dir string) (Request, error) {
	text, err := restore.PlannedRequest(dir)
	if err != nil {
		return Request{}, err
	}
	return parseRequest(text)
}
