package sample

import (
	"strconv"
	"strings"
)

// The nodes of the graph, in this order: the concepts, the agents, sessions and
// tasks by turns, and, when there are no more sessions, tasks. A node of index
// i > 0 has one edge to a node before it, so that all hang together.

// nodeKind is what the i-th node is, and which of its kind.
func nodeKind(i int) (label string, n int) {
	if i < len(concepts) {
		return "CONCEPT", i
	}
	if i -= len(concepts); i < len(agents) {
		return "AgentIdentity", i
	}
	if i -= len(agents); i >= 2*sessions {
		return "TASK", i - sessions
	}
	if i%2 == 0 {
		return "SESSION", i / 2
	}
	return "TASK", i / 2
}

// nodesOf returns how many of n elements are nodes: two of five, and at least one.
func nodesOf(n int) int { return max(1, n*2/5) }

// element writes a node or, when all nodes are written, an edge.
func (m *maker) element(i int) {
	nodes := nodesOf(m.rows)
	if i < nodes {
		m.node(i)
		return
	}
	m.edge(i-nodes, nodes)
}

func (m *maker) node(i int) {
	m.raw(`{"type":"node","data":{`)
	m.text = appendNode(m.text[:0], i)
	m.strText("id")
	label, name, about := m.describe(i)
	m.str("label", label)
	m.key("properties")
	m.raw(`{`)
	m.str("name", name)
	m.str("description", about)
	m.num("createdAt", at(i))
	m.key("userId")
	m.raw(`null}}}`)
}

// appendNode writes the id of the i-th node.
func appendNode(dst []byte, i int) []byte {
	switch label, n := nodeKind(i); label {
	case "CONCEPT":
		return append(dst, concepts[n].id...)
	case "AgentIdentity":
		return append(dst, agents[n]...)
	case "SESSION":
		return numbered(dst, "session:sess-", n)
	default:
		return numbered(dst, "task-", n)
	}
}

func (m *maker) describe(i int) (label, name, about string) {
	label, n := nodeKind(i)
	switch label {
	case "CONCEPT":
		return label, concepts[n].name, concepts[n].about
	case "AgentIdentity":
		return label, agents[n][1:], "Works here."
	}
	m.text = m.text[:0]
	m.sentence()
	return label, strings.ToLower(label) + " " + strconv.Itoa(n), string(m.text)
}

// edge writes the k-th edge: the first ones tie every node to one before it,
// the others tie any two.
func (m *maker) edge(k, nodes int) {
	from, to, kind := m.ends(k, nodes)
	m.raw(`{"type":"edge","data":{`)
	m.text = m.appendUUID(m.text[:0], k)
	m.strText("id")
	m.text = appendNode(m.text[:0], from)
	m.strText("source")
	m.text = appendNode(m.text[:0], to)
	m.strText("target")
	m.str("type", kind)
	m.key("properties")
	m.raw(`{`)
	m.fraction("weight", 1+m.below(100))
	m.key("userId")
	m.raw(`null}}}`)
}

func (m *maker) ends(k, nodes int) (from, to int, kind string) {
	from = k + 1
	if from >= nodes {
		kinds := []string{"RELATES_TO", "MENTIONS", "FOLLOWS", "NEEDS"}
		return m.below(nodes), m.below(nodes), m.pick(kinds)
	}
	switch label, n := nodeKind(from); label {
	case "CONCEPT":
		return from, concepts[n].parent, "PARENT_CONCEPT"
	case "AgentIdentity":
		return from, 0, "WORKS_AT"
	case "SESSION":
		return from, len(concepts) + m.below(len(agents)), "HELD_BY"
	default:
		return from, m.below(len(concepts)), "USES"
	}
}

// conceptNode writes a line of concepts/nodes. After the concepts of the
// workshop come jigs, as many as are wanted.
func (m *maker) conceptNode(i int) {
	c := conceptAt(i)
	m.raw(`{`)
	m.str("id", c.id)
	m.str("name", c.name)
	tier := int64(2)
	if c.parent == 0 {
		tier = min(1, int64(i))
	}
	m.num("tier", tier)
	m.str("description", c.about)
	m.key("tags")
	m.raw(`[`)
	m.raw(`"` + c.kind + `"]}`)
}

// conceptEdge writes a line of concepts/edges: the i-th ties node i+1.
func (m *maker) conceptEdge(i int) {
	c := conceptAt(i + 1)
	m.raw(`{`)
	m.str("source", c.id)
	m.str("target", concepts[c.parent].id)
	m.str("type", "PARENT_CONCEPT")
	m.raw(`}`)
}

func conceptAt(i int) concept {
	if i < len(concepts) {
		return concepts[i]
	}
	name := string(numbered(nil, "jig-", i))
	return concept{name, "Jig " + strconv.Itoa(i), "jig", 0, "Holds a piece at its angle."}
}
