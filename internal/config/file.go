package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"keepsake/internal/memory"
)

// FileName is the configuration's name beside the data dir.
const FileName = "keepsake.yaml"

// maxFile bounds what is read of a configuration or a token file.
const maxFile = 1 << 20

// scalar is one value of the file as it is written there, with its place.
// It is read by hand because the decoder would cut 3.5 down to 3 for an int.
type scalar struct {
	text         string
	line, column int
}

func (s scalar) given() bool { return s.line > 0 }

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *scalar) UnmarshalYAML(node ast.Node) error {
	token := node.GetToken()
	s.line, s.column = token.Position.Line, token.Position.Column
	switch n := node.(type) {
	case *ast.StringNode:
		s.text = n.Value
	case *ast.LiteralNode:
		s.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		s.text = token.Value
	default:
		return s.error("want a plain value here")
	}
	if strings.TrimSpace(s.text) == "" {
		return s.error("the value is empty")
	}
	return nil
}

func (s scalar) error(message string) error {
	return &positioned{line: s.line, column: s.column, err: errors.New(message)}
}

// positioned is an error at a place of the file, on its way out of the decoder.
type positioned struct {
	line, column int
	err          error
}

func (p *positioned) Error() string { return p.err.Error() }

// entry is what the file says of one store: a STORE, or a mapping.
type entry struct {
	Store     scalar            `yaml:"store"`
	Tenant    scalar            `yaml:"tenant"`
	Database  scalar            `yaml:"database"`
	TokenFile scalar            `yaml:"token-file"`
	Headers   map[string]scalar `yaml:"headers"`
	PageRows  scalar            `yaml:"page-rows"`
	PageBytes scalar            `yaml:"page-bytes"`
	Timeout   scalar            `yaml:"timeout"`
	Source    scalar            `yaml:"source"`
	Directory scalar            `yaml:"directory"`
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (e *entry) UnmarshalYAML(node ast.Node) error {
	if node.Type() != ast.MappingType && node.Type() != ast.MappingValueType {
		return e.Store.UnmarshalYAML(node)
	}
	type mapping entry // without this method
	return yaml.NodeToValue(node, (*mapping)(e), yaml.Strict())
}

// first returns something that the entry says, if it says anything.
func (e *entry) first() (scalar, bool) {
	given := []scalar{e.Store, e.Tenant, e.Database, e.TokenFile, e.PageRows, e.PageBytes, e.Timeout, e.Source, e.Directory}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		given = append(given, e.Headers[name])
	}
	i := slices.IndexFunc(given, scalar.given)
	if i < 0 {
		return scalar{}, false
	}
	return given[i], true
}

// file is keepsake.yaml.
type file struct {
	Preset     scalar `yaml:"preset"`
	DataDir    scalar `yaml:"data-dir"`
	BackupRoot scalar `yaml:"backup-root"`
	Topology   scalar `yaml:"topology"`
	TokenFile  scalar `yaml:"token-file"`
	Timeout    scalar `yaml:"timeout"`
	Stores     struct {
		KB           entry  `yaml:"kb"`
		MC           entry  `yaml:"mc"`
		Graph        scalar `yaml:"graph"`
		Concepts     scalar `yaml:"concepts"`
		Trajectories scalar `yaml:"trajectories"`
		Mailbox      scalar `yaml:"mailbox"`
	} `yaml:"stores"`
	Collections struct {
		KnowledgeBase scalar `yaml:"knowledge-base"`
		Memory        scalar `yaml:"memory"`
		Summaries     scalar `yaml:"summaries"`
	} `yaml:"collections"`
	Retention struct {
		Keep        scalar `yaml:"keep"`
		Days        scalar `yaml:"days"`
		KeepDaily   scalar `yaml:"keep-daily"`
		KeepWeekly  scalar `yaml:"keep-weekly"`
		KeepMonthly scalar `yaml:"keep-monthly"`
		MaxBytes    scalar `yaml:"max-bytes"`
		SafetyDays  scalar `yaml:"safety-days"`
		GoneDays    scalar `yaml:"gone-days"`
	} `yaml:"retention"`
	Doctor struct {
		MaxAge      scalar `yaml:"max-age"`
		OtherMaxAge scalar `yaml:"max_age"`
		Accept      list   `yaml:"accept"`
	} `yaml:"doctor"`
	Alarm struct {
		Lost scalar `yaml:"lost"`
	} `yaml:"alarm"`
	VectorDimension scalar  `yaml:"vector-dimension"`
	Sources         sources `yaml:"sources"`

	path Value[string]     // absolute, "" when there is none
	keys map[string]scalar // the keys of the document itself, each with its place
}

// store is what the file says of a store of the preset.
func (f *file) store(name memory.Subsystem) entry {
	s := &f.Stores
	return map[memory.Subsystem]entry{
		memory.KB: s.KB, memory.MC: s.MC, memory.GraphSystem: {Store: s.Graph}, memory.Concepts: {Store: s.Concepts},
		memory.Trajectories: {Store: s.Trajectories}, memory.Mailbox: {Store: s.Mailbox},
	}[name]
}

// collection is the name that the file gives to a collection of the preset.
func (f *file) collection(key string) scalar {
	c := &f.Collections
	return map[string]scalar{"knowledge-base": c.KnowledgeBase, "memory": c.Memory, "summaries": c.Summaries}[key]
}

// readFile reads the configuration at path. The zero file, and no error, when it
// is absent and need not be there.
func readFile(path Value[string], needed bool) (file, error) {
	data, err := readSmall(path.V)
	switch {
	case (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && !needed:
		return file{}, nil
	case err != nil:
		return file{}, &Error{Source: Source{Kind: FromFile, Name: path.V}, Err: cause(err)}
	}
	f := file{path: path}
	if err := f.parse(data); err != nil {
		return file{}, err
	}
	return f, nil
}

// parse reads one document, strictly: unknown and repeated keys are errors, and
// so is a key without a value, which the decoder would pass over.
func (f *file) parse(data []byte) error {
	if !utf8.Valid(data) {
		return f.error(0, 0, errors.New("the file is not UTF-8"))
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return f.located(err)
	}
	if len(tree.Docs) > 1 {
		return f.error(0, 0, errors.New("more than one document; want one"))
	}
	if len(tree.Docs) == 0 || tree.Docs[0].Body == nil || tree.Docs[0].Body.Type() == ast.CommentType {
		return nil
	}
	if err := f.checkPlain(tree.Docs[0].Body); err != nil {
		return err
	}
	if err := yaml.NodeToValue(tree.Docs[0].Body, f, yaml.Strict()); err != nil {
		return f.located(err)
	}
	f.keys = map[string]scalar{}
	for _, pair := range pairs(tree.Docs[0].Body) {
		key := keyOf(pair)
		f.keys[key.text] = key
	}
	return nil
}

// checkPlain refuses what a configuration doesn't need and a reader of it may
// overlook.
func (f *file) checkPlain(body ast.Node) error {
	const fancy = "anchors, aliases, merges and tags are not supported"
	for _, refused := range []struct {
		kind    ast.NodeType
		message string
	}{
		{ast.NullType, "the key has no value"},
		{ast.AnchorType, fancy},
		{ast.AliasType, fancy},
		{ast.MergeKeyType, fancy},
		{ast.TagType, fancy},
	} {
		if found := ast.Filter(refused.kind, body); len(found) > 0 {
			at := found[0].GetToken().Position
			return f.error(at.Line, at.Column, errors.New(refused.message))
		}
	}
	return nil
}

// located turns an error of the decoder into ours, without the excerpt of the
// file that it would print: that may hold what was meant to be a secret.
func (f *file) located(err error) error {
	if p := (*positioned)(nil); errors.As(err, &p) {
		return f.error(p.line, p.column, p.err)
	}
	var y yaml.Error
	if !errors.As(err, &y) {
		return f.error(0, 0, err)
	}
	message, hint := y.GetMessage(), ""
	if name, ok := strings.CutPrefix(message, "unknown field "); ok {
		message, hint = "unknown key "+name, "docs/configuration.md lists every key"
	}
	located := f.error(0, 0, errors.New(message))
	located.Hint = hint
	if token := y.GetToken(); token != nil {
		located.Source.Line, located.Source.Column = token.Position.Line, token.Position.Column
	}
	return located
}

func (f *file) error(line, column int, err error) *Error {
	return &Error{Source: Source{Kind: FromFile, Name: f.path.V, Line: line, Column: column}, Err: err}
}

func (f *file) source(s scalar) Source {
	return Source{Kind: FromFile, Name: f.path.V, Line: s.line, Column: s.column}
}

// readSmall reads a file of at most maxFile bytes.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("the file has more than %d bytes", maxFile)
	}
	return data, err
}

// cause drops the operation and the path of err, which its reader names already.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
