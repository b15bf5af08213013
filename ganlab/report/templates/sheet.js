// Answers of a reading sheet as answers.csv; nothing leaves the page but this file.
const count = document.querySelectorAll("article").length;
const quoted = (text) => '"' + text.replaceAll('"', '""') + '"';
const ticked = (name) => [...document.querySelectorAll(`input[name="${name}"]`)]
  .filter((box) => (box.type === "text" ? box.value.trim() : box.checked)).map((box) => box.value.trim());
const answers = () => {
  const rows = [["item", "answer", "confidence", "remark"]];
  for (let item = 1; item <= count; item += 1) {
    rows.push([String(item), ticked(`answer${item}`).join(""), ticked(`confidence${item}`).join(""),
      ticked(`remark${item}`).join(", ")]);
  }
  return rows;
};
document.getElementById("save").addEventListener("click", () => {
  const rows = answers();
  const open = rows.slice(1).filter((row) => !row[1]).map((row) => row[0]);
  document.getElementById("left").textContent = open.length ? `No answer yet: item ${open.join(", ")}.` : "Saved.";
  const text = rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "answers.csv";
  link.click();
});
