/** What the page says, in English and Chinese. */
export const TEXTS = {
  en: {
    title: "Talking tutor", start: "Start talking", startNote: "Your microphone is used only while you talk with the tutor.",
    settings: "Settings", tutor: "Tutor", microphone: "Microphone", pushToTalk: "Push to talk (hold the button or the space bar)",
    captions: "Captions", apiKey: "API key", timings: "Last answer, ms", done: "Done", stop: "Stop the tutor", send: "Send",
    placeholder: "Type a question…", hint: "Speak or type. You can interrupt at any time: just talk, or press Esc.",
    empty: "Ask anything: the tutor listens.", you: "You", firstPicture: "answered in {ms} ms",
    states: { offline: "Offline", connecting: "Connecting…", listening: "Listening", hearing: "Hearing you", thinking: "Thinking", speaking: "Speaking", ready: "Ready" },
    problems: {
      lost: "The connection was lost. Press Start to continue the conversation.",
      busy: "All seats are taken right now. Try again in {s} s.",
      key: "This engine needs an API key: enter it in the settings.",
      microphone: "The microphone cannot be used ({why}). You can still type.",
      replaced: "This conversation was opened in another window.",
      unreachable: "The engine cannot be reached. Is it running?",
    },
  },
  zh: {
    title: "会说话的老师", start: "开始对话", startNote: "只有在您与老师对话时才会使用麦克风。",
    settings: "设置", tutor: "老师", microphone: "麦克风", pushToTalk: "按住说话（按住按钮或空格键）",
    captions: "字幕", apiKey: "API 密钥", timings: "上一次回答（毫秒）", done: "完成", stop: "让老师停下", send: "发送",
    placeholder: "输入问题……", hint: "可以说话，也可以打字。随时可以打断：直接说话，或按 Esc 键。",
    empty: "请提问，老师正在听。", you: "我", firstPicture: "{ms} 毫秒内回答",
    states: { offline: "未连接", connecting: "连接中……", listening: "正在听", hearing: "听到您在说话", thinking: "思考中", speaking: "正在说话", ready: "就绪" },
    problems: {
      lost: "连接已断开。请按“开始对话”继续。",
      busy: "目前没有空位，请在 {s} 秒后再试。",
      key: "此引擎需要 API 密钥：请在设置中输入。",
      microphone: "无法使用麦克风（{why}）。您仍然可以打字。",
      replaced: "此对话已在另一个窗口中打开。",
      unreachable: "无法连接到引擎。它在运行吗？",
    },
  },
};
