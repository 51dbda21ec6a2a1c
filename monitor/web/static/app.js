"use strict";
// The keyboard. Everything it does can be done by the page's own forms and links; without JavaScript nothing is lost.

(() => {
  const say = (text) => {
    document.getElementById("live").textContent = text;
  };

  const isTyping = (target) =>
    target.isContentEditable ||
    target.matches("textarea, select") ||
    (target.matches("input") && !["checkbox", "radio", "button", "submit"].includes(target.type));

  let sent = false;
  const press = (element) => {
    if (sent) return;
    sent = element.matches("button");
    element.click();
  };
  window.addEventListener("pageshow", () => {
    sent = false;
  });

  const toggleVeils = () => {
    const veils = [...document.querySelectorAll("details.veil")];
    const open = veils.some((veil) => !veil.open);
    veils.forEach((veil) => {
      veil.open = open;
    });
    if (veils.length) say(open ? "Shown." : "Hidden.");
  };

  const moveInList = (step) => {
    const items = [...document.querySelectorAll("[data-item]")];
    if (!items.length) return false;
    const at = items.indexOf(document.activeElement);
    const next = items[Math.min(items.length - 1, Math.max(0, at + step))];
    next.focus();
    return true;
  };

  const openReasons = () => {
    const reject = document.getElementById("reject");
    if (!reject) return;
    reject.open = true;
    (reject.querySelector("input:checked") || reject.querySelector("input")).focus();
    say("Press the digit of the reason.");
  };

  const chooseReason = (digit) => {
    const reject = document.getElementById("reject");
    const radio = reject && reject.open && reject.querySelector(`input[data-digit="${digit}"]`);
    if (!radio) return false;
    radio.checked = true;
    press(document.getElementById("reject-now"));
    return true;
  };

  const showKeys = () => {
    const keys = document.getElementById("keys");
    if (!keys) return;
    keys.open = !keys.open;
    if (keys.open) {
      keys.scrollIntoView({ block: "nearest" });
      keys.querySelector("summary").focus();
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && isTyping(event.target)) {
      event.target.blur();
      return;
    }
    if (isTyping(event.target)) return;
    const key = event.key;
    if (event.repeat && !event.target.matches("[data-item]")) return; // held down, it must not decide the next post, too
    if (/^[0-9]$/.test(key) && chooseReason(key)) {
      event.preventDefault();
      return;
    }
    const actions = {
      n: openReasons,
      b: toggleVeils,
      "?": showKeys,
      "/": () => {
        const box = document.querySelector("input[type=search]");
        if (box) box.focus();
        else window.location.assign("/posts");
      },
      Escape: () => {
        const reject = document.getElementById("reject");
        if (reject) reject.open = false;
      },
    };
    const listed = document.querySelector("[data-list]");
    const first = !document.querySelector('[data-key="j"]');
    if (listed && (key === "k" || (key === "j" && (first || document.activeElement.matches("[data-item]"))))) {
      event.preventDefault();
      moveInList(key === "j" ? 1 : -1);
      return;
    }
    const marked = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (marked) {
      event.preventDefault();
      press(marked);
    } else if (key === "k" && document.body.classList.contains("reading")) {
      event.preventDefault();
      window.history.back();
    } else if (actions[key]) {
      event.preventDefault();
      actions[key]();
    }
  });

  // A second click on a slow line must not send a form twice.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) {
      event.preventDefault();
      return;
    }
    event.target.dataset.sent = "yes";
    setTimeout(() => delete event.target.dataset.sent, 4000);
  });

  // The bookmarklet: where a link runs no script, a click can only say what to do instead.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-drag]");
    if (!link) return;
    event.preventDefault();
    const said = link.parentElement;
    if (!said.querySelector("[role=status]")) {
      const told = document.createElement("span");
      told.setAttribute("role", "status");
      told.className = "faint";
      told.textContent = ` ${link.dataset.drag}`;
      said.append(told);
    }
  });

  // A picture that is too large is said before it travels.
  document.addEventListener("change", (event) => {
    const most = Number(event.target.dataset?.most);
    if (!most) return;
    const file = event.target.files[0];
    const size = file ? file.size : 0;
    event.target.setCustomValidity(
      size > most ? `The picture has ${(size / 1e6).toFixed(1)} MB; at most ${most / 1e6} MB are taken. Save it smaller.` : "",
    );
    event.target.reportValidity();
  });

  // A note half typed survives a reload and a closed lid.
  const note = document.querySelector("form#decide textarea[name=note]");
  if (note) {
    const place = `note:${window.location.pathname}`;
    const kept = sessionStorage.getItem(place);
    if (kept && !note.value) note.value = kept;
    note.addEventListener("input", () => sessionStorage.setItem(place, note.value));
    note.form.addEventListener("submit", () => sessionStorage.removeItem(place));
  }
})();
