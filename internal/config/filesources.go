package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// list is a sequence of values, or one value alone.
type list []scalar

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (l *list) UnmarshalYAML(node ast.Node) error {
	values := []ast.Node{node}
	if sequence, ok := node.(*ast.SequenceNode); ok {
		values = sequence.Values
	}
	for _, value := range values {
		var item scalar
		if err := item.UnmarshalYAML(value); err != nil {
			return err
		}
		*l = append(*l, item)
	}
	if len(*l) == 0 {
		at := node.GetToken().Position
		return &positioned{line: at.Line, column: at.Column, err: errors.New("the list is empty")}
	}
	return nil
}

func (l list) given() bool { return len(l) > 0 }

// texts returns the items as they are written.
func (l list) texts() []string {
	var texts []string
	for _, item := range l {
		texts = append(texts, item.text)
	}
	return texts
}

// plainEntry is entry without its method, which would read all of a sourceEntry.
type plainEntry entry

// sourceEntry is what the file says of one source: a STORE, or a mapping.
type sourceEntry struct {
	Entry       plainEntry `yaml:",inline"`
	Collections list       `yaml:"collections"`
	Exclude     list       `yaml:"exclude"`
	Keyed       scalar     `yaml:"keyed"`

	name scalar // its key
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (e *sourceEntry) UnmarshalYAML(node ast.Node) error {
	if node.Type() != ast.MappingType && node.Type() != ast.MappingValueType {
		return e.Entry.Store.UnmarshalYAML(node)
	}
	type mapping sourceEntry // without this method
	return yaml.NodeToValue(node, (*mapping)(e), yaml.Strict())
}

// sources are the declared sources, in the order of the file.
type sources []sourceEntry

// UnmarshalYAML implements yaml.NodeUnmarshaler. The keys are read by hand because
// a map would lose where they are.
func (s *sources) UnmarshalYAML(node ast.Node) error {
	if node.Type() != ast.MappingType && node.Type() != ast.MappingValueType {
		at := node.GetToken().Position
		err := fmt.Errorf("want names of subsystems here, each with a store")
		return &positioned{line: at.Line, column: at.Column, err: err}
	}
	for _, pair := range pairs(node) {
		var e sourceEntry
		if err := e.UnmarshalYAML(pair.Value); err != nil {
			return err
		}
		e.name = keyOf(pair)
		*s = append(*s, e)
	}
	return nil
}

// pairs returns the keys of a mapping with their values, none of what is none.
func pairs(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func keyOf(pair *ast.MappingValueNode) scalar {
	token := pair.Key.GetToken()
	return scalar{text: token.Value, line: token.Position.Line, column: token.Position.Column}
}
