import { addWords } from "../../words";
import en from "../../words/gateways.en.json";
import ru from "../../words/gateways.ru.json";

addWords({ en, ru });
