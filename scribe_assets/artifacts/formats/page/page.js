"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const audio = document.querySelector("audio");
  const [bar, back, timeline, place] = ["bar", "back", "timeline", "place"].map(find);
  const [input, found, speed, help] = ["search", "found", "speed", "help"].map(find);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const STEP = 5; // seconds of an arrow key
  const LINGER = 0.5; // seconds for which a word stays lit after its end, so that pauses do not flicker
  const LOOK_BACK = 8; // words that may still be spoken when others have begun
  const ROUNDING = 0.02; // seconds by which a player may stand before the place it was sent to

  // Words are numbered in the order of the page. `order` has their numbers by time: those of two
  // who speak at once stand apart on the page.
  const { starts, ends } = JSON.parse(find("times").textContent);
  const order = Array.from(starts.keys()).sort((a, b) => starts[a] - starts[b]);
  const lines = Array.from(document.querySelectorAll("p[data-first]"));
  const firsts = lines.map((line) => Number(line.dataset.first));

  /** How many come first for which `isBefore` holds, in a list in which they all come first. */
  const countBefore = (length, isBefore) => {
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const wordElement = (number) => {
    const line = countBefore(firsts.length, (i) => firsts[i] <= number) - 1;
    return lines[line].children[number - firsts[line]];
  };
  const wordNumber = (element) => {
    const line = element.parentElement;
    return Number(line.dataset.first) + Array.prototype.indexOf.call(line.children, element);
  };

  // The spoken word: lit, and kept in view until the reader scrolls.
  let lit = [];
  let following = true;

  const spokenAt = (time) => {
    const last = countBefore(order.length, (i) => starts[order[i]] <= time + ROUNDING) - 1;
    return order
      .slice(Math.max(0, last - LOOK_BACK), last + 1)
      .filter((word, i, near) => time < ends[word] + (i === near.length - 1 ? LINGER : 0));
  };
  const scrollTo = (element) => {
    const box = element.getBoundingClientRect();
    const top = Math.max(0, bar.getBoundingClientRect().bottom);
    if (box.top >= top && box.bottom <= innerHeight * 0.85) return;
    const far = Math.abs(box.top - innerHeight / 2) > innerHeight;
    element.scrollIntoView({ block: "center", behavior: far || calm.matches ? "auto" : "smooth" });
  };
  const show = (time) => {
    const words = spokenAt(time);
    if (words.length !== lit.length || words.some((word, i) => word !== lit[i])) {
      for (const word of lit) wordElement(word).classList.remove("now");
      for (const word of words) wordElement(word).classList.add("now");
      lit = words;
      if (words.length && following) scrollTo(wordElement(words.at(-1)));
    }
    const end = Number(timeline.getAttribute("aria-valuemax"));
    place.style.left = `${end ? Math.min(100, (100 * time) / end) : 0}%`;
    const second = String(Math.floor(time));
    if (timeline.getAttribute("aria-valuenow") !== second) {
      timeline.setAttribute("aria-valuenow", second);
      timeline.setAttribute("aria-valuetext", clock(time));
    }
  };
  const clock = (time) => {
    const two = (number) => String(Math.floor(number)).padStart(2, "0");
    const minutes = Math.floor(time / 60);
    return minutes < 60
      ? `${minutes}:${two(time % 60)}`
      : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(time % 60)}`;
  };
  const follow = (on) => {
    following = on;
    back.hidden = on || !lit.length;
    if (on && lit.length) scrollTo(wordElement(lit.at(-1)));
  };
  const seek = (time) => {
    const end = Number(timeline.getAttribute("aria-valuemax"));
    audio.currentTime = Math.max(0, Math.min(end || time, time));
    following = true;
    back.hidden = true;
    show(audio.currentTime);
  };
  // A page that may not play at once, or has no sound beside it, says so by itself.
  const play = () => audio.play().catch(() => {});
  let frame = 0;
  const tick = () => {
    cancelAnimationFrame(frame);
    show(audio.currentTime);
    if (!audio.paused) frame = requestAnimationFrame(tick);
  };
  audio.addEventListener("play", tick);
  for (const event of ["timeupdate", "seeked"]) {
    audio.addEventListener(event, () => show(audio.currentTime)); // also while the page is hidden
  }
  const tellNoAudio = () => { find("no-audio").hidden = !audio.error; };
  audio.addEventListener("error", tellNoAudio);
  tellNoAudio();

  for (const event of ["wheel", "touchmove"]) {
    document.addEventListener(event, () => follow(false), { passive: true });
  }
  document.addEventListener("mousedown", (event) => {
    if (event.target === document.documentElement) follow(false); // the scroll bar
  });
  back.addEventListener("click", () => follow(true));

  document.querySelector("main").addEventListener("click", (event) => {
    const link = event.target.closest("a.time");
    if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      seek(timeIn(link.hash));
      play();
    }
    const word = event.target.closest("p[data-first] > span");
    if (word && getSelection().isCollapsed) seek(starts[wordNumber(word)]);
  });

  // A link to a moment: result.html#t=75
  const timeIn = (hash) => (/^#t=\d+(\.\d+)?$/.test(hash) ? Number(hash.slice(3)) : null);
  const goToHash = () => {
    const time = timeIn(location.hash);
    if (time !== null) seek(time);
  };
  addEventListener("hashchange", goToHash);

  const seekOnTimeline = (event) => {
    const box = timeline.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    seek(share * Number(timeline.getAttribute("aria-valuemax")));
  };
  timeline.addEventListener("pointerdown", (event) => {
    timeline.setPointerCapture(event.pointerId);
    seekOnTimeline(event);
  });
  timeline.addEventListener("pointermove", (event) => {
    if (timeline.hasPointerCapture(event.pointerId)) seekOnTimeline(event);
  });

  const setSpeed = (rate) => {
    audio.defaultPlaybackRate = audio.playbackRate = rate;
    speed.value = String(rate);
  };
  const changeSpeed = (by) => {
    const place = Math.max(0, Math.min(speed.options.length - 1, speed.selectedIndex + by));
    setSpeed(Number(speed.options[place].value));
  };
  speed.addEventListener("change", () => setSpeed(Number(speed.value)));

  // Search: accents, case and punctuation do not count. What is searched, the words as letters alone,
  // is made a few lines at a time, so that nothing else has to wait.
  const SLICE = 8; // milliseconds
  const LIGATURES = { œ: "oe", æ: "ae", ø: "o", ł: "l", đ: "d", ß: "ss", ı: "i" };
  const folded = (text) =>
    text
      .normalize("NFKD")
      .replace(/\p{M}+/gu, "")
      .toLowerCase()
      .replace(/[œæøłđßı]/g, (letter) => LIGATURES[letter])
      .replace(/[^\p{L}\p{N}]+/gu, " ")
      .trim();
  const offsets = []; // of each word in the letters
  let letters = "";
  let prepared = 0; // lines
  const prepare = (until) => {
    for (; prepared < lines.length && performance.now() < until; prepared += 1) {
      let space = "\n";
      for (const node of lines[prepared].childNodes) {
        if (node.nodeType === Node.TEXT_NODE) {
          space ||= " ";
          continue;
        }
        const word = folded(node.textContent);
        if (word) letters += space + word;
        if (word) space = "";
        offsets.push(letters.length - word.length);
      }
    }
  };
  const prepareSome = () => {
    prepare(performance.now() + SLICE);
    if (prepared < lines.length) setTimeout(prepareSome);
  };

  let hits = []; // first and last word of each
  let here = -1;
  let waiting = 0; // for the next letter
  const mark = (hit, name, on) => {
    for (let word = hit[0]; word <= hit[1]; word += 1) {
      wordElement(word).classList.toggle(name, on);
    }
  };
  // A letter is found in thousands of words; they are marked a few at a time, and what is marked is
  // unmarked first.
  let marked = [];
  let marking = [];
  const markSome = () => {
    const until = performance.now() + SLICE;
    while (marking.length && performance.now() < until) {
      for (const [hit, on] of marking.splice(0, 100)) {
        mark(hit, "hit", on);
        if (on) marked.push(hit);
      }
    }
    if (marking.length) setTimeout(markSome);
  };
  const markAll = (found) => {
    const idle = !marking.length;
    const old = marking.filter(([, on]) => !on).concat(marked.map((hit) => [hit, false]));
    marking = old.concat(found.map((hit) => [hit, true]));
    marked = [];
    if (idle) markSome();
  };
  const go = (to) => {
    if (here >= 0) mark(hits[here], "here", false);
    here = hits.length ? (to + hits.length) % hits.length : -1;
    found.textContent = input.value.trim() ? `${here + 1} / ${hits.length}` : "";
    if (here < 0) return;
    mark(hits[here], "here", true);
    follow(false);
    scrollTo(wordElement(hits[here][0]));
  };
  const search = () => {
    clearTimeout(waiting);
    waiting = 0;
    if (here >= 0) mark(hits[here], "here", false);
    [hits, here] = [[], -1];
    const wanted = folded(input.value);
    if (wanted) {
      prepare(Infinity);
      let word = 0;
      const wordAt = (place) => {
        while (word + 1 < offsets.length && offsets[word + 1] <= place) word += 1;
        return word;
      };
      let at = letters.indexOf(wanted);
      while (at >= 0) {
        const end = at + wanted.length;
        hits.push([wordAt(at), wordAt(end - 1)]);
        at = letters.indexOf(wanted, end);
      }
    }
    markAll(hits);
    go(0);
  };
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 120);
  });
  find("next").addEventListener("click", () => go(here + 1));
  find("previous").addEventListener("click", () => go(here - 1));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    if (waiting) search();
    else go(event.shiftKey ? here - 1 : here + 1);
  });
  const endSearch = () => {
    input.value = "";
    search();
    input.blur();
  };

  find("ask").addEventListener("click", () => help.showModal());
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close(); // beside it
  });

  const KEYS = {
    " ": () => (audio.paused ? play() : audio.pause()),
    ArrowLeft: () => seek(audio.currentTime - STEP),
    ArrowRight: () => seek(audio.currentTime + STEP),
    "-": () => changeSpeed(-1),
    "+": () => changeSpeed(1),
    "/": () => input.select(),
    n: () => go(here + 1),
    N: () => go(here - 1),
    "?": () => help.showModal(),
    Escape: endSearch,
  };
  const SCROLLING = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"];
  document.addEventListener("keydown", (event) => {
    if (help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target.closest("input, select, audio, button");
    if (own && event.key !== "Escape" && !(own.matches("button") && event.key !== " ")) return;
    if (SCROLLING.includes(event.key)) follow(false);
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  goToHash();
  setTimeout(prepareSome);
})();
