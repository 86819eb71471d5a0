package cli

import (
	"encoding/json"
	"fmt"

	"keepsake/internal/bundle"
)

// request is what a replace was asked for, kept with its plan so that it can be
// finished: the flags that decide what is written, and none of those that confirm.
type request struct {
	Bundle          string            `json:"bundle"`
	Undoes          string            `json:"undoes,omitempty"` // folder of the restore that is taken back
	Only            []string          `json:"only,omitempty"`
	As              map[string]string `json:"as,omitempty"`
	To              map[string]string `json:"to,omitempty"`
	FilterLabels    []string          `json:"filterLabels,omitempty"`
	FilterEdgeTypes []string          `json:"filterEdgeTypes,omitempty"`
	ForceTopology   bool              `json:"forceTopology,omitempty"`
	ForceMemory     bool              `json:"forceMemory,omitempty"`
	AllowEmpty      bool              `json:"allowEmpty,omitempty"`
	Force           bool              `json:"force,omitempty"`
	AcceptShrink    bool              `json:"acceptShrink,omitempty"`
	AllowUnsealed   bool              `json:"allowUnsealed,omitempty"`
	DegradedSafety  bool              `json:"acceptDegradedSafety,omitempty"`
	NoSafety        bool              `json:"noSafetyBundle,omitempty"`
	InPlace         bool              `json:"inPlace,omitempty"`
}

func (f restoreFlags) request(b *bundle.Bundle) json.RawMessage {
	return request{
		Bundle: b.Path(), Only: f.only, As: f.as, To: f.to,
		FilterLabels: f.filterLabels, FilterEdgeTypes: f.filterEdgeTypes,
		ForceTopology: f.forceTopology, ForceMemory: f.forceMemory, AllowEmpty: f.allowEmpty,
		Force: f.force, AcceptShrink: f.acceptShrink, AllowUnsealed: f.allowUnsealed,
		DegradedSafety: f.degradedSafety, NoSafety: f.noSafety, InPlace: f.inPlace,
	}.encode()
}

func (r request) encode() json.RawMessage {
	text, _ := json.Marshal(r) // strings and bools always marshal
	return text
}

func parseRequest(text json.RawMessage) (request, error) {
	var r request
	if len(text) == 0 {
		return r, nil // a merge of a version that kept none
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read what was asked for: %w", err)
	}
	return r, nil
}

// flags are those of the command that the request came from.
func (r request) flags() restoreFlags {
	return restoreFlags{
		mode: "replace", proof: "full", only: r.Only, as: r.As, to: r.To,
		filterLabels: r.FilterLabels, filterEdgeTypes: r.FilterEdgeTypes,
		forceTopology: r.ForceTopology, forceMemory: r.ForceMemory, allowEmpty: r.AllowEmpty,
		force: r.Force, acceptShrink: r.AcceptShrink, allowUnsealed: r.AllowUnsealed,
		degradedSafety: r.DegradedSafety, noSafety: r.NoSafety, inPlace: r.InPlace,
	}
}
