package restore

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

func (p *Plan) checkTopology() {
	meta := p.opts.Bundle.Meta()
	if meta == nil {
		p.warn("no-meta", "", "the bundle has no bundle-meta.json: whether it was made of a unified or a federated memory is unknown", "")
		return
	}
	if meta.Topology == nil || !p.vectors() {
		return
	}
	was, now := *meta.Topology, p.opts.Topology
	if was.Unified != now.Unified {
		message := fmt.Sprintf("the bundle was made of a %s memory, the target is %s", was.Name(), now.Name())
		if p.opts.ForceTopology {
			p.warn("topology", "", message, "")
			return
		}
		p.refuse(GroundTopology, "topology", "", message, p.opts.Hint.Of("topology"))
		return
	}
	p.compareCoords("KB", was.KB, now.KB)
	p.compareCoords("MC", was.MC, now.MC)
}

func (p *Plan) vectors() bool {
	for _, s := range p.sections {
		if s.Spec.Kind == memory.Vectors {
			return true
		}
	}
	return false
}

// compareCoords only warns: a memory that moved is still that memory.
func (p *Plan) compareCoords(name string, was, now memory.Coords) {
	if from, to := address(was), address(now); from != to {
		p.warn("coordinates", "", fmt.Sprintf("%s was backed up from %s and goes to %s", name, from, to), "")
	}
}

// address says where a Chroma is, or that the vectors were in a file.
func address(c memory.Coords) string {
	if c.Host == "" {
		return "a file"
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

// memoryID returns whose memory a bundle is, "" when it doesn't say.
func memoryID(b *bundle.Bundle) string {
	if meta := b.Meta(); meta != nil && meta.Keepsake != nil {
		return meta.Keepsake.MemoryID
	}
	return ""
}

func seal(b *bundle.Bundle) string {
	if meta := b.Meta(); meta != nil && meta.Keepsake != nil {
		return meta.Keepsake.Seal
	}
	return ""
}

func (p *Plan) checkMemory() {
	id, now := memoryID(p.opts.Bundle), p.opts.MemoryID
	if id == "" || now == "" || id == now || slices.Contains(p.opts.Own, id) {
		return
	}
	message := fmt.Sprintf("the bundle is of memory %s, the target is memory %s", id, now)
	if p.opts.ForceMemory {
		p.warn("memory", "", message, "")
		return
	}
	if slices.Contains(p.opts.Maybe, id) {
		p.refuse(GroundMemory, "memory", "", message+", and may be that one: it isn't settled", p.opts.Hint.Of("memory-lost", id))
		return
	}
	p.refuse(GroundMemory, "memory", "", message, p.opts.Hint.Of("memory"))
}

// checkKind refuses to put records where others live: blocks of a file are no rows,
// and rows no file.
func (p *Plan) checkKind(s Section) {
	holds := p.opts.Kinds.Of(s.Survey.Locator.Kind).Holds
	if len(holds) > 0 && !slices.Contains(holds, s.Spec.Kind) {
		p.refuseOne(GroundStore, "kind", s.Spec.Name, fmt.Sprintf("it is of kind %q in the bundle, and %s holds %q", s.Spec.Kind, s.Survey.Locator, holds[0]),
			p.opts.Hint.Of("kind"))
	}
}

// checkShape compares what a live collection, even an empty one, has fixed.
func (p *Plan) checkShape(s Section) {
	was, now := s.Spec, s.Survey
	if was.Dimension > 0 && now.Dimension > 0 && was.Dimension != now.Dimension {
		p.refuseOne(GroundDimension, "dimension", was.Name, fmt.Sprintf("the bundle's vectors have %d dimensions, those of %s have %d",
			was.Dimension, now.Locator, now.Dimension), p.opts.Hint.Of("collection-of-its-own", string(was.Name)))
	}
	if was.Distance != "" && now.Distance != "" && was.Distance != now.Distance {
		p.refuseOne(GroundDimension, "distance", was.Name, fmt.Sprintf("the bundle's vectors are compared by %s, those of %s by %s",
			was.Distance, now.Locator, now.Distance), p.opts.Hint.Of("collection-of-its-own", string(was.Name)))
	}
	if a, b := model(was.Collection), model(now.Collection); a != "" && b != "" && a != b {
		p.warn("embedding-model", was.Name, fmt.Sprintf("the bundle's vectors were made by %s, those of %s by %s: they may not be comparable",
			a, now.Locator, b), "")
	}
}

// model finds the embedding function that a collection names, "" when none is.
func model(c *memory.Collection) string {
	if c == nil {
		return ""
	}
	for _, raw := range []memory.RawJSON{c.Configuration, c.Schema} {
		var value any
		if json.Unmarshal(raw, &value) == nil {
			if name := embeddingFunction(value); name != "" {
				return name
			}
		}
	}
	return ""
}

func embeddingFunction(value any) string {
	switch v := value.(type) {
	case map[string]any:
		if f, ok := v["embedding_function"].(map[string]any); ok {
			if name := functionName(f); name != "" {
				return name
			}
		}
		for _, inner := range v {
			if name := embeddingFunction(inner); name != "" {
				return name
			}
		}
	case []any:
		for _, inner := range v {
			if name := embeddingFunction(inner); name != "" {
				return name
			}
		}
	}
	return ""
}

func functionName(f map[string]any) string {
	name, _ := f["name"].(string)
	if config, ok := f["config"].(map[string]any); ok {
		for _, key := range []string{"model_name", "model"} {
			if m, ok := config[key].(string); ok {
				return name + " " + m
			}
		}
	}
	if name == "default" || name == "legacy" {
		return "" // says only that none was chosen
	}
	return name
}
