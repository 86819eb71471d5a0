package sample

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// The sample's memories come in sessions of equal length.
const (
	sessions   = 60
	perSession = 16
)

// chunk writes a piece of the knowledge base: its text is in the metadata, its
// document is null, and its id is the hash of its text, as Neo.mjs has it.
func (m *maker) chunk(i int) {
	topic := m.below(len(concepts))
	m.text = append(m.text[:0], "Note "...)
	m.text = strconv.AppendInt(m.text, int64(i+1), 10)
	m.text = append(append(append(m.text, " on "...), concepts[topic].name...), ".\n"...)
	m.prose(3)
	content := string(m.text)
	sum := sha256.Sum256(m.text)
	hash := hex.EncodeToString(sum[:])

	m.text = append(m.text[:0], hash...)
	m.vectorRow(topic, func() {
		m.str("content", content)
		m.str("hash", hash)
		m.num("ingestedAt", at(i))
		m.str("kind", concepts[topic].kind)
		m.str("name", concepts[topic].name)
		m.text = append(append(m.text[:0], "notes/"...), concepts[topic].id...)
		m.text = append(numbered(m.text, "/", i+1), ".md"...)
		m.strText("source")
		m.str("tenantId", "workshop")
		m.str("type", "note")
		m.str("visibility", "team")
	}, nil)
}

// memory writes one turn of a conversation. Two of three have an id by the
// clock, the others a uuid.
func (m *maker) memory(i int) {
	topic, agent := m.below(len(concepts)), agents[(i/perSession)%len(agents)]
	prompt := m.ask(topic)
	thought, response := m.pick(thoughts), m.pick(endings)

	m.text = m.text[:0]
	if i%3 == 2 {
		m.text = m.appendUUID(m.text, i)
	} else {
		m.text = appendISO(append(m.text, "mem_"...), at(i))
	}
	m.vectorRow(topic, func() {
		m.str("agent", "workshop-assistant")
		m.str("agentIdentity", agent)
		m.num("amountToolCalls", int64(m.below(6)))
		m.str("model", m.pick(models))
		m.str("prompt", prompt)
		m.str("response", response)
		m.text = numbered(m.text[:0], "sess-", i/perSession)
		m.strText("sessionId")
		m.str("thought", thought)
		m.num("timestamp", at(i))
		m.str("toolsUsed", `["measure","look_up"]`)
		m.str("type", "agent-interaction")
		m.str("userId", agent[1:])
	}, func() {
		m.text = append(append(m.text, "User Prompt: "...), prompt...)
		m.text = append(append(m.text, "\n\nAgent Thought: "...), thought...)
		m.text = append(append(m.text, "\n\nAgent Response: "...), response...)
		m.text = append(m.text, ' ')
		m.prose(2)
	})
}

// summary writes what was kept of a session.
func (m *maker) summary(i int) {
	topic := m.below(len(concepts))
	m.text = numbered(m.text[:0], "summary_sess-", i)
	m.vectorRow(topic, func() {
		m.str("category", m.pick([]string{"repair", "new work", "sharpening", "planning"}))
		m.num("complexity", int64(m.below(100)))
		m.fraction("confidence", m.below(101))
		m.flag("degraded", false)
		m.num("memoryCount", perSession)
		m.str("models", m.pick(models))
		m.str("participatingAgents", agents[i%len(agents)])
		m.num("quality", int64(60+m.below(40)))
		m.text = numbered(m.text[:0], "sess-", i)
		m.strText("sessionId")
		m.num("timestamp", at((i+1)*perSession-1))
		m.str("title", "About the "+strings.ToLower(concepts[topic].name))
	}, func() { m.prose(4) })
}
