local text = require "graphsocket.cli.text"

describe("text for a terminal", function()
  it("shows control characters instead of sending them", function()
    for given, shown in pairs {
      ["plain.txt"] = "plain.txt",
      ["\27[2J\27]0;title\7"] = "\\x1b[2J\\x1b]0;title\\x07",
      ["two\nlines\r\t"] = "two\\nlines\\r\\t",
      ["a\0b\127"] = "a\\x00b\\x7f",
      ["C1: \194\155\194\157"] = "C1: \\x9b\\x9d",
      ["right: \226\128\174gpj.exe"] = "right: \\u202egpj.exe",
      ["isolate: \226\129\166x"] = "isolate: \\u2066x",
      ["broken: \255\254"] = "broken: \\xff\\xfe",
      ["Grüße, 日本"] = "Grüße, 日本",
      ["no-break\194\160space"] = "no-break\194\160space",
    } do
      assert.equal(shown, text.safe(given))
    end
  end)

  it("counts columns, not bytes", function()
    assert.equal(5, text.width "Grüße")
    assert.equal(4, text.width "日本")
    assert.equal(2, text.width "\240\159\152\128")
    assert.equal(1, text.width "e\204\129")
    assert.equal("日本 ", text.pad("日本", 5))
  end)

  it("cuts at a character, and says so", function()
    assert.equal("report.docx", text.cut("report.docx", 11))
    assert.equal("report.do…", text.cut("report.docx", 10))
    assert.equal("日…", text.cut("日本語", 4))
    assert.equal("…", text.cut("abc", 1))
    assert.equal("", text.cut("abc", 0))
  end)

  it("says times and amounts as people do", function()
    assert.equal("0 s", text.duration(0))
    assert.equal("1.5 s", text.duration(1.5))
    assert.equal("42 s", text.duration(42.7))
    assert.equal("90 s", text.duration(90))
    assert.equal("20 min", text.duration(1200))
    assert.equal("2 h", text.duration(7300))
    assert.equal("3 d", text.duration(3 * 86400 + 5))
    assert.equal("7", text.amount(7))
    assert.equal("999", text.amount(999))
    assert.equal("1,000", text.amount(1000))
    assert.equal("1,234,567", text.amount(1234567))
    assert.equal("1 change", text.count(1, "change"))
    assert.equal("12,000 changes", text.count(12000, "change"))
  end)
end)
