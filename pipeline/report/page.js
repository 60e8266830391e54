// Draws the charts, reads values out at a pointer or the arrow keys, fills tables when opened, copies SQL.
"use strict";
(() => {
  const DAY = /^\d{4}-\d{2}-\d{2}$/;

  const source = (key) => JSON.parse(document.getElementById(`data-${key}`).textContent);

  // a day is a local midnight, or a time zone west of Greenwich would show the day before
  const value = (text) => {
    if (typeof text !== "string" || !DAY.test(text)) return text;
    const [year, month, day] = text.split("-").map(Number);
    return new Date(year, month - 1, day).getTime();
  };

  const objects = (table) =>
    table.rows.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, value(row[i])])));

  const draw = async (figure) => {
    const { spec, tables, cursor } = source(figure.dataset.key);
    const datasets = Object.fromEntries(tables.map((table) => [table.name, objects(table)]));
    const table = cursor && tables.find((one) => one.name === cursor.table);
    if (table) spec.params.find((one) => one.name === "at").value = Math.max(...datasets[table.name].map((row) => row[cursor.field]));
    const { view } = await vegaEmbed(figure.querySelector(".plot"), { ...spec, datasets: { ...spec.datasets, ...datasets } }, {
      renderer: "svg",
      actions: false,
      logLevel: 1, // errors: that a table of marks is empty is none
      ast: true, // an interpreter in place of compiled expressions, which the page's policy forbids
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
      bind: figure.querySelector(".range"),
    });
    if (table) readOut(figure, view, table, cursor);
  };

  const readOut = (figure, view, table, cursor) => {
    const plot = figure.querySelector(".plot");
    const output = figure.querySelector(".readout");
    const at = table.columns.indexOf(cursor.field);
    const byDay = new Map();
    for (const row of table.rows) byDay.set(row[at], [...(byDay.get(row[at]) ?? []), row]);
    const days = [...byDay.keys()].sort();
    const times = days.map(value);
    let place = days.length - 1;

    const number = (one, { words, digits, unit, times }) => {
      const form = { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" };
      return `${words} ${(one * times).toLocaleString("en", form).replace("-", "−")}${unit}`.trim();
    };

    const words = (row) =>
      cursor.show
        .map((how) => [how, row[table.columns.indexOf(how.field)]])
        .filter(([, one]) => one !== null)
        .map(([how, one]) => (how.names ? (how.names[one] ?? one) : number(one, how)))
        .join(" · ");

    const show = (index) => {
      place = Math.max(0, Math.min(days.length - 1, index));
      output.textContent = `${days[place]}: ${byDay.get(days[place]).map(words).join("; ")}`;
      view.signal("at", times[place]).runAsync();
    };

    const nearest = (time) => {
      let [low, high] = [0, times.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (times[middle] < time) low = middle + 1;
        else high = middle;
      }
      return low > 0 && time - times[low - 1] < times[low] - time ? low - 1 : low;
    };

    plot.addEventListener("pointermove", (event) => {
      const left = plot.querySelector("svg").getBoundingClientRect().left + view.origin()[0];
      show(nearest(+view.scale("x").invert(event.clientX - left)));
    });
    plot.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: days.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(to);
    });
    show(place);
    output.setAttribute("aria-live", "polite");
  };

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const drawTable = (table) => {
    const box = element("div", undefined, "scroll");
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Table ${table.name}`);
    const made = box.appendChild(element("table"));
    made.append(element("caption", `${table.name}: ${table.rows.length} row${table.rows.length === 1 ? "" : "s"}`));
    const isNumber = table.columns.map((_, i) => table.rows.some((row) => typeof row[i] === "number"));
    const head = made.createTHead().insertRow();
    table.columns.forEach((name, i) => {
      const cell = head.appendChild(element("th", name, isNumber[i] ? "number" : ""));
      cell.scope = "col";
    });
    const body = made.createTBody();
    for (const row of table.rows) {
      const line = body.insertRow();
      row.forEach((one, i) => {
        const text = one === null ? "" : String(one);
        line.append(element("td", text, isNumber[i] ? "number" : text.length > 60 ? "long" : ""));
      });
    }
    return box;
  };

  for (const details of document.querySelectorAll("details.table")) {
    const fill = () => {
      if (details.open && !details.querySelector("table")) details.append(...source(details.dataset.key).tables.map(drawTable));
    };
    details.addEventListener("toggle", fill);
    fill();
  }

  // a link to a claim opens it
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.matches("details")) one.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);

  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code); // a page from a file may not reach the clipboard: select, and try the old way
      return document.execCommand("copy");
    }
    return true;
  };

  document.addEventListener("click", async (event) => {
    if (!event.target.matches("button.copy")) return;
    const done = await copy(event.target.closest(".statement").querySelector("code"));
    event.target.textContent = done ? "Copied" : "Selected";
    setTimeout(() => (event.target.textContent = "Copy"), 1500);
  });

  (async () => {
    for (const figure of document.querySelectorAll("figure.chart")) {
      await draw(figure);
      await new Promise((next) => setTimeout(next)); // let the page answer between charts
    }
    document.documentElement.dataset.drawn = "yes";
    unfold(); // the charts have moved what the address names
  })();
})();
